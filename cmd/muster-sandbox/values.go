package main

import (
	"errors"
	"strconv"

	"k8s.io/apimachinery/pkg/api/resource"
)

var errNegative = errors.New("must not be negative")

// count is a flag with a number of things.
type count struct{ value *int }

func newCount(value *int, preset int) count {
	*value = preset
	return count{value}
}

func (c count) String() string {
	if c.value == nil {
		return ""
	}
	return strconv.Itoa(*c.value)
}

func (count) Type() string { return "number" }

func (c count) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil {
		return errors.New("give a whole number")
	}
	if n < 0 {
		return errNegative
	}
	*c.value = n
	return nil
}

// quantity is a flag with an amount, such as 32Gi or 100M.
type quantity struct{ value *resource.Quantity }

func newQuantity(value *resource.Quantity, preset string) quantity {
	*value = resource.MustParse(preset)
	return quantity{value}
}

func (q quantity) String() string {
	if q.value == nil {
		return ""
	}
	return q.value.String()
}

func (quantity) Type() string { return "quantity" }

func (q quantity) Set(s string) error {
	parsed, err := resource.ParseQuantity(s)
	if err != nil {
		return errors.New("give a number with or without a unit, such as 500m, 8, 100M or 32Gi")
	}
	if parsed.Sign() < 0 {
		return errNegative
	}
	*q.value = parsed
	return nil
}
