package image

import (
	"fmt"
	"testing"
	"time"
)

func TestForecast(t *testing.T) {
	type came struct {
		kind   string
		pods   int
		minute int
	}
	tests := map[string]struct {
		came []came
		at   int // minute
		want string
	}{
		"nothing came, nothing is expected": {nil, 0, "[]"},
		"as many as came at once":           {[]came{{"a", 3, 0}}, 1, "[a:3/3]"},
		"the most that came in any five minutes": {
			[]came{{"a", 3, 0}, {"a", 9, 21}, {"a", 4, 41}}, 42, "[a:9/9]",
		},
		"five minutes are one burst": {[]came{{"a", 3, 0}, {"a", 9, 4}}, 5, "[a:12/12]"},
		"others may come in bursts like the largest": {
			[]came{{"a", 3, 0}, {"b", 20, 0}}, 1, "[b:20/20 a:3/20]",
		},
		"which is not taken to be larger than 64": {[]came{{"a", 300, 0}, {"b", 1, 0}}, 1, "[a:300/64 b:1/64]"},
		"after an hour it is forgotten":           {[]came{{"a", 3, 0}, {"b", 1, 30}}, 61, "[b:1/1]"},
		"time that goes back changes nothing":     {[]came{{"a", 3, 50}}, 0, "[a:3/3]"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := NewForecast()
			at := func(minute int) time.Time { return time.Unix(int64(1e9)/300*300+int64(minute)*60, 0) }
			for _, c := range tc.came {
				for range c.pods {
					f.Came(c.kind, nil, at(c.minute))
				}
			}
			var got []string
			for _, e := range f.Expect(at(tc.at)) {
				got = append(got, fmt.Sprintf("%s:%d/%d", e.Kind, e.Pods, e.Burst))
			}
			if fmt.Sprint(got) != tc.want {
				t.Errorf("expected %v, want %s", got, tc.want)
			}
		})
	}
}

func TestAForecastIsBounded(t *testing.T) {
	f := NewForecast()
	for i := range 2 * maxKinds {
		f.Came(fmt.Sprint(i), nil, t0)
	}
	if len(f.kinds) != maxKinds {
		t.Errorf("%d kinds are kept", len(f.kinds))
	}
	f.Expect(t0.Add(2 * time.Hour))
	if f.Came("new", nil, t0.Add(2*time.Hour)); len(f.kinds) != 1 {
		t.Errorf("%d kinds are kept an hour after the others", len(f.kinds))
	}
}
