// Package scheduler is the process: kube-scheduler's own command with Muster's
// plugins, Muster's default configuration, and a few refusals.
//
// Everything a user of kube-scheduler knows works as it does there: flags,
// health, metrics, leader election, secure serving, and --config, which
// replaces the built-in configuration whole. Three things differ:
//
//   - Without --config the built-in configuration (config.yaml) is in force,
//     and the flags that --config would silence are applied to it.
//   - --write-config-to needs neither a cluster nor a kubeconfig.
//   - Arguments of Muster's plugins are checked when the configuration is
//     read, not when the plugins are built.
//
// What it is not: it decides nothing about pods. The plugins do.
//
// Invariants:
//
//   - A process that would take the default scheduler's lease, or that runs
//     upstream's gang scheduling beside ours, does not start.
//   - Whatever is refused is refused before anything connects to a cluster.
package scheduler
