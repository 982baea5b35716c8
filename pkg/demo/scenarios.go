package demo

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// patience is the deadline of what takes seconds on an idle machine.
	patience = 60 * time.Second
)

func scenarios() []scenario {
	return []scenario{
		{"pod by pod", "For contrast: without Muster, two gangs get stuck with a part each.", podByPod},
		{"two gangs", "Gangs start whole, one after the other; none holds a part and waits.", twoGangs},
		{"images", "A gang goes where its image is, and starts in seconds.", images},
		{"no room", "A gang that cannot fit says why, and holds nothing.", noRoom},
		{"plain pods", "Pods of no gang are scheduled as ever.", plainPods},
	}
}

// images has two gangs need the same image: there is room for one where the image is.
func images(ctx context.Context, s *stage) (string, error) {
	const members = 2
	s.title("3. An image of 8 GB, on two nodes of four", "warm.yaml, cold.yaml")
	s.explain(fmt.Sprintf("Nodes pull %.0f MB/s here. Real ones manage about %.0f, so pulls are %d times faster than in life; "+
		"Muster is not told, and expects what they would take in life.", bandwidth/1e6, realBandwidth/1e6, compression))
	if err := s.follow(ctx, patience, milestone{
		what: fmt.Sprintf("%s report the image %s", strings.Join(imageNodes(), " and "), trainer),
		look: func(r *record) (time.Duration, string, bool) {
			return s.seen.now(), strings.Join(imageNodes(), " and ") + " report that they hold the image",
				slices.Equal(r.holders(trainer), imageNodes())
		},
	}); err != nil {
		return "", err
	}
	if err := s.apply(ctx, "warm.yaml"); err != nil {
		return "", err
	}
	if err := s.follow(ctx, patience, placed(members, "warm"), pulled(members, "warm")); err != nil {
		return "", err
	}
	warm := s.group("warm")
	if !slices.Equal(warm.nodes(), imageNodes()) {
		return "", fmt.Errorf("expected warm on %s, where its image is; seen: %s", strings.Join(imageNodes(), " and "), warm.places())
	}
	s.explain("Now the same again. The nodes with the image are taken, so this one starts cold.")
	if err := s.apply(ctx, "cold.yaml"); err != nil {
		return "", err
	}
	if err := s.follow(ctx, patience+compressed(pullSeconds), placed(members, "cold"), pulled(members, "cold")); err != nil {
		return "", err
	}
	warmTook, coldTook := warm.wait(), s.group("cold").wait()
	if warmTook > coldTook/2 {
		return "", fmt.Errorf("expected warm to start in seconds; seen: %s, and %s for cold; %s", brief(warmTook), brief(coldTook), s.state("warm"))
	}
	if err := s.follow(ctx, patience, done(members, "warm"), done(members, "cold")); err != nil {
		return "", err
	}
	return fmt.Sprintf("With the image %s, without %s, which would be %.0f s in life.",
		brief(warmTook), brief(coldTook), coldTook.Seconds()*compression), nil
}

// pulled is running, told beside what Muster expected.
func pulled(n int, name string) milestone {
	return all(n, name, started, "run", func(g group) string {
		return fmt.Sprintf("%s: all %d run, %s after they got their nodes; expected: %s", name, n, brief(g.wait()), expectation(g))
	})
}

// wait is the time from the first node to the last start.
func (g group) wait() time.Duration {
	return slices.Max(g.times(started)) - g.times(bound)[0]
}

// expectation says what Muster noted on the pods when it bound them, for the slowest of them.
func expectation(g group) string {
	seconds, size, known := 0.0, 0.0, false
	for _, p := range g.pods {
		s, err := strconv.ParseFloat(p.annotations[pullSecondNote], 64)
		if err != nil {
			continue
		}
		known = true
		if s >= seconds {
			seconds = s
			size, _ = strconv.ParseFloat(p.annotations[pullBytesNote], 64)
		}
	}
	switch {
	case !known:
		return "unknown"
	case size == 0:
		return "nothing to pull"
	}
	return fmt.Sprintf("%.1f GB to pull in %.0f s in life, %.0f s here", size/1e9, seconds, seconds/compression)
}

// noRoom has a gang ask for more than there is.
func noRoom(ctx context.Context, s *stage) (string, error) {
	const members = 5
	s.title("4. A gang that cannot fit", "too-big.yaml")
	s.explain("five has 5 members of 6 cores; the 4 nodes have 8 each.")
	if err := s.apply(ctx, "too-big.yaml"); err != nil {
		return "", err
	}
	if err := s.follow(ctx, patience, refused("five")); err != nil {
		return "", err
	}
	if err := s.unbound("five", members); err != nil {
		return "", err
	}
	s.tell(s.seen.now(), "five: %d pods, none has a node", members)
	var said string
	s.seen.look(func(r *record) { said = r.refusals("five")[0].text })
	_, said, _ = strings.Cut(said, "gang default/five: ")
	if fit := fmt.Sprintf("of %d members fit", members); !strings.Contains(said, fit) {
		return "", fmt.Errorf("expected the event to say how many %s", fit)
	}
	said, _, _ = strings.Cut(said, "; of ")
	return fmt.Sprintf("%q. No member has a node.", said), nil
}

// unbound checks that a group is complete, and none of it has ever had a node.
func (s *stage) unbound(name string, members int) error {
	g := s.group(name)
	if len(g.pods) != members || len(g.times(bound)) > 0 {
		return fmt.Errorf("expected %d pods of %s without a node; seen: %s", members, name, s.state(name))
	}
	return nil
}

// plainPods has a Deployment, beside the gang that waits.
func plainPods(ctx context.Context, s *stage) (string, error) {
	const replicas = 3
	s.title("5. A plain Deployment", "web.yaml")
	s.explain("Its pods name the scheduler, and no gang. The gang from before still waits.")
	began := s.seen.now()
	if err := s.apply(ctx, "web.yaml"); err != nil {
		return "", err
	}
	if err := s.follow(ctx, patience, placed(replicas, "web"), running(replicas, "web")); err != nil {
		return "", err
	}
	if err := s.unbound("five", 5); err != nil {
		return "", err
	}
	took := slices.Max(s.group("web").times(started)) - began
	return fmt.Sprintf("%d of %d replicas run after %s; the waiting gang was not in their way.", replicas, replicas, brief(took)), nil
}
