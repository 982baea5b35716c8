package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	// roleVariable tells a binary that it is a child, and which part it plays.
	roleVariable = "MUSTER_SANDBOX_ROLE"
	// reportFD is the file descriptor of the pipe to the parent: the first of exec.Cmd.ExtraFiles.
	reportFD = 3
)

// Role is a part that a child plays. It decodes its input with the first function, and may call it again to wait for
// what the parent sends later. It calls the second once it is ready, with what the parent should know. It returns only
// when it cannot go on, or has nothing left to do.
type Role func(ctx context.Context, input func(any) error, ready func(output any) error) error

// report is the one message of a child to its parent.
type report struct {
	Output any    `json:"output,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Main plays the role that this process was started for, and exits. It returns at once in a process that is not a
// child. Call it first in main, or in TestMain.
func Main(roles map[string]Role) {
	name, ok := os.LookupEnv(roleVariable)
	if !ok {
		return
	}
	os.Unsetenv(roleVariable) // a child of this child is not one of ours
	if err := play(roles, name); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func play(roles map[string]Role, name string) error {
	pipe := os.NewFile(reportFD, "report")
	send := func(r report) error {
		if pipe == nil {
			return nil
		}
		defer func() { pipe.Close(); pipe = nil }()
		return json.NewEncoder(pipe).Encode(r)
	}
	role, ok := roles[name]
	if !ok {
		err := fmt.Errorf("unknown role %q", name)
		return errors.Join(err, send(report{Error: err.Error()}))
	}
	messages := make(chan json.RawMessage)
	go receive(messages)
	input := func(into any) error {
		if err := json.Unmarshal(<-messages, into); err != nil {
			return fmt.Errorf("read input: %w", err)
		}
		return nil
	}
	err := role(context.Background(), input, func(output any) error { return send(report{Output: output}) })
	if err != nil {
		_ = send(report{Error: err.Error()}) // no one may be listening any more; the log has it too
	}
	return err
}

// receive passes on what the parent sends, one at a time.
func receive(messages chan<- json.RawMessage) {
	stdin := json.NewDecoder(os.Stdin)
	for {
		var message json.RawMessage
		if err := stdin.Decode(&message); err != nil {
			// The parent never closes this pipe; it breaks when the parent ends, however that happens. On Linux the
			// kernel kills this process anyway, elsewhere this is the only sign.
			os.Exit(1)
		}
		messages <- message
	}
}

// readReport waits for a child's message.
func readReport(from io.Reader, output any) error {
	r := report{Output: output}
	if err := json.NewDecoder(from).Decode(&r); err != nil {
		return err
	}
	if r.Error != "" {
		return errors.New(r.Error)
	}
	return nil
}
