// Package gangbind is the plugin GangBind: it binds pods, plain ones and
// members alike, on a client of its own with a bound on the bindings in flight,
// and writes the decision on the Binding, from where the API server merges it
// into the pod at no extra call.
//
// More than about 100 requests in flight on one connection make the client open
// a connection for every further one, and the TLS handshakes then cost more
// than the bindings; hence the bound.
//
// Before that it lets pods that share a resource claim reserve it one at a time;
// for this it has to come first of the PreBind plugins.
package gangbind
