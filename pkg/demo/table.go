package demo

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// widths of the summary's columns; with two spaces between them they fill a line.
func widths() []int { return []int{12, 31, 39, 8} }

// writeTable writes rows under a header, and breaks cells that are wider than their column.
func writeTable(w io.Writer, header []string, rows ...[]string) {
	writeRow(w, header)
	rule := make([]string, len(header))
	for i, width := range widths() {
		rule[i] = strings.Repeat("-", width)
	}
	writeRow(w, rule)
	for _, row := range rows {
		writeRow(w, row)
	}
}

func writeRow(w io.Writer, cells []string) {
	var wrapped [][]string
	height := 0
	for i, cell := range cells {
		lines := wrap(cell, widths()[i])
		wrapped = append(wrapped, lines)
		height = max(height, len(lines))
	}
	for n := range height {
		var line strings.Builder
		for i, lines := range wrapped {
			text := ""
			if n < len(lines) {
				text = lines[n]
			}
			line.WriteString(text)
			line.WriteString(strings.Repeat(" ", max(0, widths()[i]-utf8.RuneCountInString(text))+2))
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}
