// Package sandbox is a Kubernetes cluster on one machine, without containers, privileges or downloads: real etcd,
// kube-apiserver and kube-controller-manager, simulated machines, and a scheduler.
//
// There are two kinds of machine. Kubelets are the real kubelet code over a simulated container runtime: slow where
// a kubelet is slow. Light nodes are a controller that answers for thousands of nodes. Both pull images by the same
// model, and no container ever runs.
//
// A program that uses it must call Main first, since the cluster is made of child processes of the same binary:
//
//	func TestMain(m *testing.M) {
//		sandbox.Main(sandbox.Programs{Muster: scheduler.NewCommand})
//		os.Exit(m.Run())
//	}
//
// It is not for production, and not a model of performance beyond scheduling: everything shares one machine.
//
// Invariants:
//   - sandboxes are independent: any number run side by side;
//   - nothing is left behind: no process after the end of this one, however it ends; no file after Stop;
//   - Muster runs as its own service account with the access that manifests/install gives it, never as an
//     administrator.
package sandbox
