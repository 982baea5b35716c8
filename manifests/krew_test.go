package manifests_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/muster-scheduler/muster/pkg/version"
)

// plugin is a manifest of krew, as far as ours goes.
type plugin struct {
	APIVersion string                `json:"apiVersion"`
	Kind       string                `json:"kind"`
	Metadata   struct{ Name string } `json:"metadata"`
	Spec       struct {
		Version          string     `json:"version"`
		Homepage         string     `json:"homepage"`
		ShortDescription string     `json:"shortDescription"`
		Description      string     `json:"description"`
		Caveats          string     `json:"caveats"`
		Platforms        []platform `json:"platforms"`
	} `json:"spec"`
}

type platform struct {
	Selector struct {
		MatchLabels map[string]string `json:"matchLabels"`
	} `json:"selector"`
	URI    string `json:"uri"`
	SHA256 string `json:"sha256"`
	Bin    string `json:"bin"`
}

// TestKrew checks the manifest of the plugin by the rules of krew, and that it names what is
// built: cmd/kubectl-muster, of this version.
func TestKrew(t *testing.T) {
	text, err := os.ReadFile("krew/muster.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var p plugin
	if err := yaml.UnmarshalStrict(text, &p); err != nil {
		t.Fatal(err)
	}
	if p.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || p.Kind != "Plugin" {
		t.Errorf("it is a %s of %s", p.Kind, p.APIVersion)
	}
	command := "kubectl-" + p.Metadata.Name
	if _, err := os.Stat("../cmd/" + command + "/main.go"); err != nil {
		t.Errorf("hack/build.sh makes no %s: %v", command, err)
	}
	release, _, _ := strings.Cut(version.Muster, "-") // the one that is worked on
	if p.Spec.Version != release || !regexp.MustCompile(`^v\d+\.\d+\.\d+$`).MatchString(p.Spec.Version) {
		t.Errorf("version %s, want %s", p.Spec.Version, release)
	}
	if len(p.Spec.ShortDescription) > 50 || strings.HasSuffix(p.Spec.ShortDescription, ".") {
		t.Errorf("shortDescription %q has %d characters, at most 50 and no full stop are allowed", p.Spec.ShortDescription, len(p.Spec.ShortDescription))
	}
	for what, line := range map[string]string{"homepage": p.Spec.Homepage, "shortDescription": p.Spec.ShortDescription, "description": p.Spec.Description, "caveats": p.Spec.Caveats} {
		if line == "" {
			t.Errorf("it has no %s", what)
		}
	}
	var platforms []string
	for _, one := range p.Spec.Platforms {
		os, arch := one.Selector.MatchLabels["os"], one.Selector.MatchLabels["arch"]
		platforms = append(platforms, os+"-"+arch)
		if want := fmt.Sprintf("%s/releases/download/%s/%s-%s-%s.tar.gz", p.Spec.Homepage, release, command, os, arch); one.URI != want {
			t.Errorf("uri %s, want %s", one.URI, want)
		}
		if one.Bin != command {
			t.Errorf("bin %s, want %s", one.Bin, command)
		}
		if one.SHA256 != "filled in by hack/krew.sh" {
			t.Errorf("sha256 of %s-%s is %q, of an archive that is not there", os, arch, one.SHA256)
		}
	}
	if want := []string{"linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64"}; !slices.Equal(platforms, want) {
		t.Errorf("platforms %v, want %v", platforms, want)
	}
}
