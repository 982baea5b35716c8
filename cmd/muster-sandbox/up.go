package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/muster-scheduler/muster/pkg/sandbox"
	"github.com/muster-scheduler/muster/pkg/sandbox/kubeconfig"
	"github.com/muster-scheduler/muster/pkg/sandbox/pull"
)

// noScheduler is the value of --scheduler that leaves the choice to the user.
const noScheduler = "none"

const upLong = `Start etcd, kube-apiserver, kube-controller-manager, simulated nodes, and a scheduler.

When all is ready, one line is printed on standard output: READY kubeconfig=PATH scheduler=URL. The cluster runs until
this command gets SIGINT or SIGTERM; nothing is left behind then.

Containers do not run. A pod with the annotation muster.dev/sandbox-run-seconds ends after that many seconds; others
run until they are deleted. Images come from the file given with --images:

  images:
  - name: reg.example/train:v1
    layers: [{digest: base, size: 6Gi}, {digest: code, size: 200Mi}]
    preloaded: [node-0, node-1]

Any other image has 50 MiB, except that hosts which end in ".invalid" have none.`

const upExample = `  # four real kubelets in two racks, and Muster
  muster-sandbox up --kubelets 4 --racks 2

  # a thousand light nodes for your own scheduler
  muster-sandbox up --nodes 1000 --scheduler none --kubeconfig /tmp/kubeconfig`

// upFlags are the flags of "up", as given.
type upFlags struct {
	options         sandbox.Options
	scheduler       string
	schedulerConfig string
	apply           []string
	images          string
}

func newUpCommand() *cobra.Command {
	var f upFlags
	command := &cobra.Command{
		Use:     "up",
		Short:   "Start a cluster and keep it until SIGINT or SIGTERM.",
		Long:    upLong,
		Example: upExample,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.complete(); err != nil {
				return usageError{err}
			}
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return f.run(ctx, c)
		},
	}
	o, flags := &f.options, command.Flags()
	flags.Var(newCount(&o.Kubelets, 0), "kubelets", "number of nodes with a real kubelet")
	flags.Var(newCount(&o.Nodes, 0), "nodes", "number of light nodes")
	flags.Var(newCount(&o.Racks, 1), "racks", "number of racks; nodes are dealt out to them (label topology.muster.dev/rack)")
	flags.Var(newCount(&o.Zones, 1), "zones", "number of zones; racks are dealt out to them")
	flags.Var(newQuantity(&o.CPU, "8"), "cpu", "cores of each node")
	flags.Var(newQuantity(&o.Memory, "32Gi"), "memory", "memory of each node")
	flags.Var(newQuantity(&o.Disk, "200Gi"), "disk", "disk of each node")
	flags.Var(newCount(&o.Pods, 110), "pods", "number of pods that each node takes")
	flags.Var(newQuantity(&o.Bandwidth, "100M"), "bandwidth", "bytes per second at which a node pulls images")
	flags.Var(newQuantity(&o.RegistryBandwidth, "0"), "registry-bandwidth", "bytes per second that all nodes share; 0 is unlimited")
	flags.Var(newCount(&o.MaxParallelPulls, 0), "max-parallel-pulls", "images that a node pulls at the same time; 0 and 1 are one after another")
	flags.BoolVar(&o.GenericWorkload, "generic-workload", false, "serve scheduling.k8s.io/v1beta1; implied by --scheduler=native")
	flags.StringVar(&o.Dir, "dir", "", "directory for the sandbox's files, whose logs are kept (default: a temporary one, removed at the end)")
	flags.StringVar(&o.Kubeconfig, "kubeconfig", "", "where to write the kubeconfig (default: in the sandbox's directory)")
	flags.StringVar(&f.scheduler, "scheduler", string(sandbox.Muster), "muster, default, native (kube-scheduler with GenericWorkload) or none")
	flags.StringVar(&f.schedulerConfig, "scheduler-config", "", "KubeSchedulerConfiguration file for the scheduler")
	flags.StringArrayVar(&f.apply, "apply", nil, "file or directory of manifests to apply; may be repeated")
	flags.StringVar(&f.images, "images", "", "file that lists the images of the registry")
	return command
}

// complete checks the flags, and turns them into options.
func (f *upFlags) complete() error {
	schedulers := []string{string(sandbox.Muster), string(sandbox.Default), string(sandbox.Native), noScheduler}
	if !slices.Contains(schedulers, f.scheduler) {
		return fmt.Errorf("--scheduler=%s is unknown: use one of %s", f.scheduler, strings.Join(schedulers, ", "))
	}
	if f.schedulerConfig != "" {
		if f.scheduler == noScheduler {
			return errors.New("--scheduler-config has no meaning with --scheduler=none: leave one of them out")
		}
		if _, err := os.Stat(f.schedulerConfig); err != nil {
			return fmt.Errorf("--scheduler-config: %w", err)
		}
	}
	for _, path := range f.apply {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("--apply: %w", err)
		}
	}
	if f.images != "" {
		data, err := os.ReadFile(f.images)
		if err != nil {
			return fmt.Errorf("--images: %w", err)
		}
		if f.options.Images, err = pull.ParseImages(data); err != nil {
			return fmt.Errorf("--images=%s: %w", f.images, err)
		}
	}
	if path := f.options.Kubeconfig; path != "" {
		if err := kubeconfig.CheckPath(path); err != nil {
			return fmt.Errorf("--kubeconfig=%s: %w: give another path", path, err)
		}
	}
	if f.scheduler == string(sandbox.Native) {
		f.options.GenericWorkload = true
	}
	return f.options.Validate()
}

func (f *upFlags) run(ctx context.Context, c *cobra.Command) (err error) {
	f.options.Progress = func(format string, args ...any) { fmt.Fprintf(c.ErrOrStderr(), format+"\n", args...) }
	s, err := sandbox.Start(ctx, f.options)
	if err != nil {
		return interrupted(ctx, err)
	}
	defer func() {
		if stopErr := s.Stop(); err == nil {
			err = stopErr
		}
	}()
	ready := "READY kubeconfig=" + s.Kubeconfig
	if f.scheduler != noScheduler {
		var args []string
		if f.schedulerConfig != "" {
			args = append(args, "--config="+f.schedulerConfig)
		}
		scheduler, err := s.StartScheduler(ctx, sandbox.Which(f.scheduler), args...)
		if err != nil {
			return interrupted(ctx, err)
		}
		ready += " scheduler=" + scheduler.URL
	}
	if err := s.Apply(ctx, f.apply...); err != nil {
		return interrupted(ctx, err)
	}
	fmt.Fprintln(c.OutOrStdout(), ready)
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.Failed():
		return err
	}
}

// interrupted drops errors that come of the user's wish to end.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
