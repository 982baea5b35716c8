package snapshot

import (
	"maps"
	"strconv"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/klog/v2"

	"github.com/muster-scheduler/muster/pkg/image"
)

// Labels with which a node says that it pulls otherwise than the arguments say.
const (
	BandwidthLabel = "muster.dev/pull-bandwidth" // of one pull, download and unpacking together: "80M"
	LinkLabel      = "muster.dev/pull-link"      // of all pulls of the node together: "1G"
	PeersLabel     = "muster.dev/pull-peers"     // what other nodes serve it: "200M"
	ParallelLabel  = "muster.dev/parallel-pulls" // pulls at once; 0 for any number
	LazyLabel      = "muster.dev/lazy-pull"      // the share of the bytes that a start needs: "0.1"
)

// pullLabels are the labels, each with how its value is put to use. A value that
// is none is an error.
var pullLabels = map[string]func(p *image.Puller, value string) error{
	BandwidthLabel: func(p *image.Puller, value string) error { return bandwidth(&p.BytesPerSecond, value, 1) },
	LinkLabel:      func(p *image.Puller, value string) error { return bandwidth(&p.Link, value, 0) },
	PeersLabel:     func(p *image.Puller, value string) error { return bandwidth(&p.Peers, value, 0) },
	ParallelLabel: func(p *image.Puller, value string) error {
		n, err := strconv.ParseUint(value, 10, 16)
		if err == nil {
			p.Parallel = int(n)
		}
		return err
	},
	LazyLabel: func(p *image.Puller, value string) error {
		share, err := strconv.ParseFloat(value, 64)
		if err == nil && !(share > 0 && share <= 1) {
			err = strconv.ErrRange
		}
		if err == nil {
			p.Eager = share
		}
		return err
	},
}

func bandwidth(into *float64, value string, least float64) error {
	q, err := resource.ParseQuantity(value)
	if err == nil && q.AsApproximateFloat64() < least {
		err = strconv.ErrRange
	}
	if err == nil {
		*into = q.AsApproximateFloat64()
	}
	return err
}

// of returns how a node pulls. A label whose value is none counts as absent.
func (p Pulls) of(node *v1.Node) image.Puller {
	puller := p.Node
	if _, stated := node.Labels[BandwidthLabel]; p.PoolLabel != "" && !stated {
		puller.Pool = node.Labels[p.PoolLabel]
	}
	for label, use := range pullLabels {
		if value, ok := node.Labels[label]; ok {
			if err := use(&puller, value); err != nil {
				klog.Background().Info("A label of a node is of no use", "node", klog.KObj(node), "label", label, "value", value, "err", err)
			}
		}
	}
	if p.RackLabel != "" {
		puller.Rack = node.Labels[p.RackLabel]
	}
	return puller
}

// sameLabels reports whether two states of a node have the same labels, as far as
// they can matter here.
func sameLabels(was, is *v1.Node) bool { return maps.Equal(was.Labels, is.Labels) }
