// Package controlplane runs etcd, kube-apiserver and kube-controller-manager in this process.
//
// They are the real components with their real flags, on the loopback interface, with RBAC, API priority and fairness,
// and admission as in a cluster; only durability is given up (etcd does not sync to disk). It is not meant to be
// stopped in process: feature gates, metrics and many goroutines of these components are process-wide. Run it in a
// process of its own and kill that.
package controlplane
