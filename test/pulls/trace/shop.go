package trace

import (
	"fmt"
	"math/rand/v2"
)

// The shop: images in three levels, a base with the operating system, on it an
// environment, on that the service itself. Bases change rarely and are on every
// node beforehand; a release changes the top of one service's image.
const (
	shopBases        = 4
	shopEnvironments = 20
	shopServices     = 200
	// newVersion is the part of submissions that are a new version of their service.
	newVersion = 0.15
	// newDependencies is the part of new versions whose dependencies changed as well.
	newDependencies = 1.0 / 3
	// withSidecar and pullAlways are the parts of services whose pods have a
	// second, small container, and whose pull policy is Always.
	withSidecar = 0.25
	pullAlways  = 0.1

	baseMegabytes        = 300
	environmentMegabytes = 800
	dependencyMegabytes  = 150
	codeMegabytes        = 60
	sidecarMegabytes     = 60

	baseLayers        = 3
	environmentLayers = 4

	// shopSeconds is how long a pod of the shop runs on average: compressed as
	// catalogSeconds is, since services run for days between releases.
	shopSeconds = 900
)

// Shop is a trace of services that are released and scaled, each gang the pods
// of one ReplicaSet. How popular a service is follows Zipf's law with exponent 1.
func Shop(seed uint64, size Size) *Trace {
	s := &shop{Trace: Trace{Name: "shop", Size: size}, rng: random(seed, 4)}
	s.build()
	rng, popular := random(seed, 5), newZipf(shopServices, 1)
	s.submit(rng, shopSeconds, func() Gang {
		v := &s.services[popular.draw(rng)]
		if rng.Float64() < newVersion {
			s.release(v)
		}
		return v.gang
	})
	return &s.Trace
}

type shop struct {
	Trace
	rng      *rand.Rand
	services []service
	sidecar  int // an image
}

// service is the newest version of one service.
type service struct {
	name         string
	version      int
	environment  []int // layers
	dependencies int   // a layer
	gang         Gang  // what its next submission asks for
}

// build makes the bases, the environments, and the first version of everything.
func (s *shop) build() {
	var bases, environments [][]int
	for b := range shopBases {
		layers := s.level(fmt.Sprintf("base-%d", b), baseLayers, baseMegabytes)
		bases = append(bases, layers)
		s.Preloaded = append(s.Preloaded, s.addImage(fmt.Sprintf("shop/base-%d:1", b), layers))
	}
	for e := range shopEnvironments {
		own := s.level(fmt.Sprintf("environment-%d", e), environmentLayers, environmentMegabytes)
		environments = append(environments, stack(bases[s.rng.IntN(shopBases)], own...))
	}
	s.sidecar = s.addImage("shop/sidecar:1", stack(bases[0], s.layer("sidecar", sidecarMegabytes)))
	for i := range shopServices {
		v := service{name: fmt.Sprintf("service-%d", i), environment: environments[s.rng.IntN(shopEnvironments)]}
		v.dependencies = s.layer(v.name+"-dependencies-0", dependencyMegabytes)
		v.gang.CPU, v.gang.Memory = shape(s.rng)
		v.gang.Service = true
		v.gang.Always = s.rng.Float64() < pullAlways
		v.gang.Images = []int{0}
		if s.rng.Float64() < withSidecar {
			v.gang.Images = append(v.gang.Images, s.sidecar)
		}
		s.services = append(s.services, v)
		s.release(&s.services[i])
	}
}

// release makes the next version of a service.
func (s *shop) release(v *service) {
	v.version++
	if v.version > 1 && s.rng.Float64() < newDependencies {
		v.dependencies = s.layer(fmt.Sprintf("%s-dependencies-%d", v.name, v.version), dependencyMegabytes)
	}
	code := s.layer(fmt.Sprintf("%s-code-%d", v.name, v.version), codeMegabytes)
	settings := s.addLayer(fmt.Sprintf("%s-settings-%d", v.name, v.version), 1e6)
	image := s.addImage(fmt.Sprintf("shop/%s:%d", v.name, v.version), stack(v.environment, v.dependencies, code, settings))
	v.gang.Images = append([]int{image}, v.gang.Images[1:]...)
}

// level makes layers of one level of about so many megabytes together.
func (s *shop) level(name string, layers int, megabytes float64) []int {
	var made []int
	for i := range layers {
		made = append(made, s.layer(fmt.Sprintf("%s-%d", name, i), megabytes/float64(layers)))
	}
	return made
}

// layer makes a layer of between half and one and a half times the megabytes.
func (s *shop) layer(digest string, megabytes float64) int {
	return s.addLayer(digest, int64(1e6*megabytes*(0.5+s.rng.Float64())))
}

// stack returns the layers with more on top, and shares no memory.
func stack(lower []int, upper ...int) []int {
	return append(append(make([]int, 0, len(lower)+len(upper)), lower...), upper...)
}
