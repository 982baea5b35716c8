package snapshot

import (
	"errors"
	"maps"
	"strconv"
	"strings"

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
	DiskLabel      = "muster.dev/image-disk"     // what the file system with the images has: "500Gi"
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
				useless(node, label, value, err)
			}
		}
	}
	if p.RackLabel != "" {
		puller.Rack = node.Labels[p.RackLabel]
	}
	return puller
}

// How many bytes one that travelled takes up on a disk: unpacked 2.5 in the median of
// the layers of a public registry; containerd keeps the packed one as well. CRI-O
// reports images as they are unpacked, all others as they travel.
const (
	unpacked = 2.5
	packed   = 1.0
)

// disk returns where a node keeps images, and an error if its label does not say.
func (p Pulls) disk(node *v1.Node) (image.Disk, error) {
	d := p.Disk
	d.LayerExpansion, d.ImageExpansion = packed+unpacked, packed+unpacked
	if strings.HasPrefix(node.Status.NodeInfo.ContainerRuntimeVersion, "cri-o:") {
		d.LayerExpansion, d.ImageExpansion = unpacked, 1
	}
	if d.Certain = d.Bytes > 0; !d.Certain {
		d.Bytes = node.Status.Capacity.StorageEphemeral().Value()
	}
	value, ok := node.Labels[DiskLabel]
	if !ok {
		return d, nil
	}
	bytes, err := resource.ParseQuantity(value)
	if err == nil && bytes.Sign() <= 0 {
		err = errors.New("no size")
	}
	if err == nil {
		d.Bytes, d.Certain = bytes.Value(), true
	}
	return d, err
}

// useless tells of a label that says nothing.
func useless(node *v1.Node, label, value string, err error) {
	klog.Background().Info("A label of a node is of no use", "node", klog.KObj(node), "label", label, "value", value, "err", err)
}

// sameLabels reports whether two states of a node have the same labels, as far as
// they can matter here.
func sameLabels(was, is *v1.Node) bool { return maps.Equal(was.Labels, is.Labels) }
