package demo

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestTable(t *testing.T) {
	var b strings.Builder
	writeTable(&b, []string{"scenario", "promise", "what happened", "result"},
		[]string{"two gangs", "Gangs start whole, one after the other; none holds a part and waits.", "red ran.", "ok"},
		[]string{"images", "A gang goes where its image is.", "", "FAILED"},
	)
	want := `
scenario      promise                          what happened                            result
------------  -------------------------------  ---------------------------------------  --------
two gangs     Gangs start whole, one after     red ran.                                 ok
              the other; none holds a part
              and waits.
images        A gang goes where its image is.                                           FAILED
`
	if got := "\n" + b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestNothingIsWiderThanTheTerminal(t *testing.T) {
	var b strings.Builder
	n := narrator{&b}
	long := strings.Repeat("a word of 5 and ×8 ", 30)
	n.title("A part", "a-file.yaml")
	n.explain(long)
	n.tell(12345*time.Millisecond, "%s", long)
	writeTable(&b, []string{"a", "b", "c", "d"}, []string{long, long, long, long})
	for line := range strings.Lines(b.String()) {
		if width := utf8.RuneCountInString(strings.TrimRight(line, "\n")); width > columns {
			t.Errorf("%d columns: %s", width, line)
		}
	}
	if want := "[ 12.3s] a word"; !strings.Contains(b.String(), want) {
		t.Errorf("no %q in\n%s", want, b.String())
	}
}

func TestBrief(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                        "1 ms",
		12 * time.Millisecond:    "12 ms",
		20340 * time.Millisecond: "20.3 s",
	} {
		if got := brief(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
