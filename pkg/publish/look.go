package publish

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/klog/v2"

	"github.com/muster-scheduler/muster/pkg/registry"
)

// How long an image that could not be read is left alone, at first and at most.
const (
	passingDelay, maxPassingDelay = 10 * time.Second, 10 * time.Minute // the registry will recover
	lastingDelay, maxLastingDelay = 10 * time.Minute, 12 * time.Hour   // somebody would have to do something
)

// known is what was found out about an image.
type known struct {
	digest    string // of what its name stands for
	platforms []registry.Platform
	objects   []string  // the names of its ImageManifests
	failures  int       // in a row
	until     time.Time // before which the registry is not asked again
}

// look sees to an image, and returns after how long to look again; 0 for when
// something changes. Only one worker at a time looks at an image.
func (p *Publisher) look(ctx context.Context, l *lane, key string) time.Duration {
	k := p.get(key)
	left := k.until.Sub(p.clock.Now())
	if k.failures > 0 && left > 0 {
		return left // used or not: it may be named again and again
	}
	if !p.uses.used(key) {
		p.forget(key)
		return 0
	}
	platforms := p.uses.on()
	if len(platforms) == 0 {
		return 0 // until there is a node
	}
	whole := slices.Equal(k.platforms, platforms) && p.store.has(k.objects)
	if isDigest(key) && (whole || p.store.covers(key, platforms)) {
		return 0 // it cannot change
	}
	if whole && left > 0 {
		return left
	}
	if l.wait(ctx) != nil {
		return 0 // the context ended
	}
	before := ""
	if whole {
		before = k.digest
	}
	return p.read(ctx, l, key, k, platforms, before)
}

// read reads an image of which the digest before is known and published, and
// returns after how long to look again.
func (p *Publisher) read(ctx context.Context, l *lane, key string, k *known, platforms []registry.Platform, before string) time.Duration {
	start := p.clock.Now()
	image, fault := p.reader.Read(ctx, key, platforms, before)
	readSeconds.WithLabelValues(l.registry.String()).Observe(p.clock.Since(start).Seconds())
	if fault != nil {
		if ctx.Err() != nil {
			return 0
		}
		reads.WithLabelValues(l.registry.String(), string(fault.Reason)).Inc()
		delay := k.fail(p.clock.Now(), fault.Lasting(), fault.After)
		if fault.Reason == registry.Busy {
			l.pause(max(fault.After, passingDelay))
		}
		klog.FromContext(ctx).V(2).Info("Image not read", "image", key, "reason", fault.Reason, "err", fault, "again", delay)
		return delay
	}
	result := unchanged
	if image.Manifests != nil {
		objects, err := p.publish(ctx, key, &image)
		switch {
		case errors.Is(err, errFull):
			reads.WithLabelValues(l.registry.String(), full).Inc()
			klog.FromContext(ctx).V(2).Info("Image not published", "image", key, "err", err)
			return k.fail(p.clock.Now(), false, 0) // there will be room when something is collected
		case err != nil && ctx.Err() == nil:
			reads.WithLabelValues(l.registry.String(), failed).Inc()
			klog.FromContext(ctx).Error(err, "Publishing an image", "image", key)
			return k.fail(p.clock.Now(), false, 0)
		}
		result = published
		k.digest, k.objects = image.Digest, objects
	}
	reads.WithLabelValues(l.registry.String(), result).Inc()
	k.failures, k.platforms = 0, platforms
	if isDigest(key) {
		return 0
	}
	refresh := wait.Jitter(p.options.TagRefresh, 0.2) // not all at once
	k.until = p.clock.Now().Add(refresh)
	return refresh
}

// publish makes known what a key stands for, and returns the names of the objects.
func (p *Publisher) publish(ctx context.Context, key string, image *registry.Image) ([]string, error) {
	repository := repositoryOf(key)
	var names []string
	for i := range image.Manifests {
		m := &image.Manifests[i]
		references := []string{key, repository + "@" + image.Digest, repository + "@" + m.Digest}
		slices.Sort(references)
		name, err := p.store.publish(ctx, m, slices.Compact(references))
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	if isDigest(key) {
		return names, nil
	}
	return names, p.store.keepTag(ctx, key, names)
}

// repositoryOf returns the key without its tag or digest.
func repositoryOf(key string) string {
	key, _, _ = strings.Cut(key, "@")
	if colon := strings.LastIndexByte(key, ':'); colon > strings.LastIndexByte(key, '/') {
		key = key[:colon]
	}
	return key
}

// fail notes a failure, and returns for how long to leave the image alone.
func (k *known) fail(now time.Time, lasting bool, least time.Duration) time.Duration {
	delay, most := passingDelay, maxPassingDelay
	if lasting {
		delay, most = lastingDelay, maxLastingDelay
	}
	delay = max(least, min(most, delay<<min(k.failures, 16)))
	k.failures++
	delay = wait.Jitter(delay, 0.2)
	k.until = now.Add(delay)
	return delay
}

func (p *Publisher) get(key string) *known {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.images[key]
	if k == nil {
		k = &known{}
		p.images[key] = k
	}
	return k
}

func (p *Publisher) forget(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.images, key)
}
