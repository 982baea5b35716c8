package process

import (
	"fmt"
	"os"
	"strings"
)

// tailLines and tailBytes are how much of a log an error repeats.
const (
	tailLines = 15
	tailBytes = 4000
)

// tail returns the last lines of a log, ready to end an error message with.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil || len(data) == 0 {
		return ""
	}
	data = data[max(0, len(data)-tailBytes):]
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	return fmt.Sprintf("\nlast lines of %s:\n  %s", path, strings.Join(lines, "\n  "))
}
