// Package world is a cluster that pulls images, simulated event by event:
// kubelets, a registry, and what the API server shows of them. It calls a policy
// to place what a trace submits, and measures what comes of it.
//
// Bytes flow like a fluid: a pull's rate is the least of what its node can
// unpack and its share of the node's link, the rack's uplink and the registry,
// and changes only when a pull begins or ends. There are no lost packets, no
// failed pulls and no nodes that come and go.
//
// Invariants: the registry never gives more than its capacity; a layer comes to
// a node once, however many images and pulls want it; the same trace, policy,
// configuration and seed give the same result.
package world

// Config is what a cluster is like, in bytes and seconds.
type Config struct {
	// Unpack is what one pull downloads and unpacks per second at most.
	Unpack float64
	// Link, Rack and Registry are what all pulls of a node, of a rack, and of the
	// cluster get per second together.
	Link, Rack, Registry float64
	// NodesPerRack is how many nodes share an uplink.
	NodesPerRack int
	// Layer is what every missing layer costs whatever its size, Resolve what
	// every pull costs even if nothing is missing.
	Layer, Resolve float64
	// Parallel is how many pulls a kubelet does at a time; 1 is serializeImagePulls.
	Parallel int

	// Store is how many compressed bytes of layers a node keeps before it collects
	// images: a look every GCPeriod, from GCHigh down to GCLow of the store, what
	// was not used for longest first, nothing younger than GCAge.
	Store         int64
	GCPeriod      float64
	GCHigh, GCLow float64
	GCAge         float64

	// A kubelet lists its images every ListPeriod, looks whether that changes its
	// status every StatusPeriod, and reports ListCap images at most.
	ListPeriod, StatusPeriod float64
	ListCap                  int
}

// Defaults is kubelets as they come, and speeds as they were measured: see
// package calibration.
func Defaults() Config {
	return Config{
		Unpack: 40e6, Link: 1.25e9, Rack: 5e9, Registry: 4.4e9, NodesPerRack: 40,
		Layer: 0.2, Resolve: 0.5, Parallel: 1,
		Store: 250e9, GCPeriod: 300, GCHigh: 0.85, GCLow: 0.80, GCAge: 120,
		ListPeriod: 30, StatusPeriod: 10, ListCap: 50,
	}
}
