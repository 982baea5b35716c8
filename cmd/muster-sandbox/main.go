// Command muster-sandbox runs a Kubernetes cluster with simulated nodes on one machine, to try schedulers on.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/muster-scheduler/muster/pkg/sandbox"
)

func main() {
	sandbox.Main(programs())

	err := newCommand().Execute()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "Error:", err)
	if errors.As(err, new(usageError)) {
		os.Exit(2)
	}
	os.Exit(1)
}
