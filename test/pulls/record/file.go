package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// Writer writes records to a file, one line each.
type Writer struct {
	file *os.File
	out  *json.Encoder
}

// Create makes the file, or empties it.
func Create(path string) (*Writer, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &Writer{file: file, out: json.NewEncoder(file)}, nil
}

// Write adds a record. Figures are cut to five digits.
func (w *Writer) Write(r Record) error {
	r.shorten()
	return w.out.Encode(r)
}

// Close ends the file.
func (w *Writer) Close() error { return w.file.Close() }

// Read reads all records of a file.
func Read(path string) ([]Record, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var records []Record
	for dec := json.NewDecoder(bufio.NewReader(file)); ; {
		var r Record
		switch err := dec.Decode(&r); {
		case errors.Is(err, io.EOF):
			return records, nil
		case err != nil:
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		records = append(records, r)
	}
}

// shorten cuts all measured figures.
func (r *Record) shorten() {
	figures := []*float64{
		&r.Queue, &r.Within5, &r.Bytes, &r.Wanted, &r.Peak, &r.Warm, &r.Present, &r.Balance, &r.End, &r.Bias,
	}
	distributions := []*Distribution{&r.Wait, &r.Late, &r.Large, &r.Small}
	if r.Error != nil {
		e := *r.Error
		r.Error = &e
		distributions = append(distributions, r.Error)
	}
	for _, d := range distributions {
		figures = append(figures, &d.Mean, &d.P50, &d.P90, &d.P99, &d.Max)
	}
	for _, f := range figures {
		*f = short(*f)
	}
}

// short is a number cut to five digits.
func short(x float64) float64 {
	if x == 0 {
		return 0
	}
	unit := math.Pow(10, 4-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*unit) / unit
}
