// Package lightnode keeps thousands of nodes alive and runs the pods bound to them, without kubelets.
//
// It is a controller: it makes Node objects, renews their leases, and moves pods from Pending over the time their
// images take to Running, and on to Succeeded when they ask for it. It does not admit pods (a pod that does not fit
// runs all the same), run init containers, probe, restart, mount or evict.
//
// Calls to the API server per pod are few and bounded: one patch when it runs, one when it ends, one delete.
package lightnode
