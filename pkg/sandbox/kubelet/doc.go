// Package kubelet runs real kubelets, many in one process, over simulated machines.
//
// Only what lies below the container runtime interface is simulated: containers do not run, images are time and
// arithmetic (package pull), and machine facts are made up. Everything above is the kubelet's own code: admission,
// pulls and back-off, pod and node status, leases, events, eviction, image collection, and what it serves to the API
// server, such as its configuration. Probes are the exception: the
// kubelet is built with a prober that always answers "ready".
//
// It is not a fleet that can be shut down: a kubelet has no end. Run it in a process of its own and kill that.
// No file outside the given directory is touched, and no privilege is needed.
package kubelet
