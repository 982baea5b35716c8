package cli

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
)

func imagesCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "images [NODE|IMAGE]",
		Short: "Where images are, and what is being pulled",
		Long: `Lists the images that nodes have or pull, as the scheduler counts them; of a node, what it
has and pulls; of an image, the nodes that have it. Needs the right to list nodes.`,
		Example: `  # What node-1 has and pulls
  kubectl muster images node-1

  # Where an image is
  kubectl muster images nginx:1.29`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return o.images(cmd.Context())
			}
			return o.imagesOf(cmd.Context(), args[0])
		},
	}
	o.addOutput(cmd)
	return cmd
}

func (o *options) images(ctx context.Context) error {
	s, err := o.scheduler(ctx, "nodes/")
	if err != nil {
		return err
	}
	defer s.close()
	var images v1alpha1.ImageList
	if err := s.get(ctx, "images", &images); err != nil {
		return err
	}
	if done, err := o.print(images); done || err != nil {
		return err
	}
	var rows [][]string
	for i := range images.Items {
		image := &images.Items[i]
		rows = append(rows, []string{image.Image, size(image.Bytes), yes(image.Layers), fmt.Sprint(image.Nodes), fmt.Sprint(image.Pulling)})
	}
	if err := table(o.Out, []string{"IMAGE", "SIZE", "LAYERS KNOWN", "NODES", "PULLING"}, rows); err != nil {
		return err
	}
	r := images.Rates
	if r.Registry > 0 {
		learnt := ""
		if r.RegistryPulls > 0 {
			learnt = fmt.Sprintf(", learnt from %d pulls", r.RegistryPulls)
		}
		fmt.Fprintf(o.Out, "\nThe registries are taken to serve %s/s%s.\n", size(int64(r.Registry)), learnt)
	}
	for _, p := range r.Pools {
		fmt.Fprintf(o.Out, "Nodes of the pool %q pull %s/s, learnt from %d pulls.\n", p.Pool, size(int64(p.BytesPerSecond)), p.Pulls)
	}
	return nil
}

// imagesOf tells of a node, or, if there is none of that name, of an image.
func (o *options) imagesOf(ctx context.Context, name string) error {
	s, err := o.scheduler(ctx, "nodes/")
	if err != nil {
		return err
	}
	defer s.close()
	var node v1alpha1.NodeImages
	err = apierrors.NewNotFound(v1.Resource("nodes"), name)
	if !strings.ContainsAny(name, "/:@") {
		err = s.get(ctx, "nodes/"+url.PathEscape(name), &node)
	}
	if err == nil {
		return o.showNode(&node)
	}
	if !apierrors.IsNotFound(err) {
		return err
	}
	var image v1alpha1.Image
	if err := s.get(ctx, "images/"+name, &image); apierrors.IsNotFound(err) {
		return fmt.Errorf("the scheduler knows no node of the name %q, and no node has or pulls an image of that name", name)
	} else if err != nil {
		return err
	}
	if done, err := o.print(image); done || err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "%s, %s\n", image.Image, size(image.Bytes))
	fmt.Fprintf(o.Out, "  %d nodes have it: %s\n", image.Nodes, strings.Join(image.On, ", "))
	fmt.Fprintf(o.Out, "  %d nodes pull it: %s\n", image.Pulling, strings.Join(image.PulledOn, ", "))
	return nil
}

func (o *options) showNode(node *v1alpha1.NodeImages) error {
	if done, err := o.print(node); done || err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "node %s: pulls %s/s when nothing is in the way", node.Node, size(int64(node.BytesPerSecond)))
	if node.DiskBytes > 0 {
		fmt.Fprintf(o.Out, "; images use %s of a disk of %s", size(node.DiskUsed), size(node.DiskBytes))
	}
	fmt.Fprintln(o.Out)
	if node.DiskPressure {
		fmt.Fprintln(o.Out, "  it is short of disk, and deletes images that no pod uses")
	}
	if node.ListCutOff {
		fmt.Fprintln(o.Out, "  it lists as many images as it may, and can have others (kubelet: nodeStatusMaxImages)")
	}
	fmt.Fprintln(o.Out)
	var rows [][]string
	for i := range node.Images {
		image := &node.Images[i]
		rows = append(rows, []string{image.Image, size(image.Bytes), fmt.Sprint(image.Pods), yes(!image.Unlisted)})
	}
	if err := table(o.Out, []string{"IMAGE", "SIZE", "PODS", "LISTED"}, rows); err != nil || len(node.Pulls) == 0 {
		return err
	}
	fmt.Fprintln(o.Out)
	rows = nil
	for i := range node.Pulls {
		pull := &node.Pulls[i]
		state := "pulling"
		if pull.Reserved {
			state = "reserved"
		}
		rows = append(rows, []string{strings.Join(pull.Images, ","), size(pull.Arrived) + " of " + size(pull.Bytes), state, string(pull.PodUID)})
	}
	return table(o.Out, []string{"PULL", "ARRIVED", "STATE", "POD UID"}, rows)
}

// size is bytes as registries say them, in powers of ten.
func size(n int64) string {
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}} {
		if n >= unit.bytes {
			return fmt.Sprintf("%.3g %s", float64(n)/float64(unit.bytes), unit.name)
		}
	}
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%d B", n)
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
