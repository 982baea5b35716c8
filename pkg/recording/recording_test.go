package recording

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// TestWrite writes objects one by one such that the whole is one object of JSON, without what is nobody's concern.
func TestWrite(t *testing.T) {
	const secret = "very-secret"
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "a", Annotations: map[string]string{"last": secret, "muster.dev/role": "worker"}},
		Spec: v1.PodSpec{
			Containers: []v1.Container{{
				Name: "main", Image: "registry.example/a", Args: []string{secret}, Env: []v1.EnvVar{{Name: "TOKEN", Value: secret}},
				LivenessProbe: &v1.Probe{ProbeHandler: v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{secret}}}},
			}},
			Volumes: []v1.Volume{
				{Name: "s", VolumeSource: v1.VolumeSource{Secret: &v1.SecretVolumeSource{SecretName: secret}}},
				{Name: "c", VolumeSource: v1.VolumeSource{CSI: &v1.CSIVolumeSource{Driver: "d", VolumeAttributes: map[string]string{"key": secret}}}},
			},
		},
	}
	volume := &v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "v"}, Spec: v1.PersistentVolumeSpec{PersistentVolumeSource: v1.PersistentVolumeSource{
		CSI: &v1.CSIPersistentVolumeSource{Driver: "d", VolumeHandle: "h", VolumeAttributes: map[string]string{"key": secret}},
	}}}
	for name, objects := range map[string][]runtime.Object{
		"none": nil, "one": {pod}, "several": {pod, &v1.Secret{ObjectMeta: metav1.ObjectMeta{Name: secret}}, volume},
	} {
		t.Run(name, func(t *testing.T) {
			var text bytes.Buffer
			if err := Write(&text, Recording{Muster: "v", Units: []Unit{{Name: `"objects":[]`}}}, objects); err != nil {
				t.Fatal(err)
			}
			var r Recording
			if err := json.Unmarshal(text.Bytes(), &r); err != nil {
				t.Fatalf("%v: %s", err, &text)
			}
			want := len(objects)
			if want == 3 {
				want = 2 // nobody looks at secrets
			}
			if len(r.Objects) != want || r.Muster != "v" || r.Units[0].Name != `"objects":[]` {
				t.Errorf("%+v", r)
			}
			if strings.Contains(text.String(), secret) || want > 0 && !strings.Contains(text.String(), `"muster.dev/role":"worker"`) {
				t.Error(&text)
			}
		})
	}
	if len(pod.Spec.Containers[0].Env) == 0 || len(volume.Spec.CSI.VolumeAttributes) == 0 {
		t.Error("the objects themselves were changed")
	}
}
