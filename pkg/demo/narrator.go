package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// columns is how wide the demo writes.
const columns = 96

// narrator writes what happens, for people.
type narrator struct{ w io.Writer }

// title begins a part; aside goes to the end of its line.
func (n narrator) title(text, aside string) {
	gap := max(2, columns-utf8.RuneCountInString(text)-utf8.RuneCountInString(aside))
	fmt.Fprintf(n.w, "\n%s\n", strings.TrimRight(text+strings.Repeat(" ", gap)+aside, " "))
}

// explain writes a paragraph.
func (n narrator) explain(text string) { n.indented("   ", "   ", text) }

// tell writes a line about something that happened at the given time.
func (n narrator) tell(at time.Duration, format string, args ...any) {
	stamp := fmt.Sprintf("[%5.1fs] ", at.Seconds())
	n.indented(stamp, strings.Repeat(" ", len(stamp)), fmt.Sprintf(format, args...))
}

func (n narrator) indented(first, rest, text string) {
	for _, line := range wrap(text, columns-len(rest)) {
		fmt.Fprintln(n.w, first+line)
		first = rest
	}
}

// wrap breaks text into lines of at most width characters, between words. A longer word gets a line of its own.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// brief writes a duration as people say it, "12 ms" or "3.4 s", and no time at all as 1 ms.
func brief(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
