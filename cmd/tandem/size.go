package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// size is a number of bytes. It is written with a unit, of which all are powers of
// 1,024, or without.
type size int64

var units = []struct {
	name  string
	bytes int64
}{
	{"gib", 1 << 30},
	{"mib", 1 << 20},
	{"kib", 1 << 10},
	{"gb", 1 << 30},
	{"mb", 1 << 20},
	{"kb", 1 << 10},
	{"g", 1 << 30},
	{"m", 1 << 20},
	{"k", 1 << 10},
	{"b", 1},
	{"", 1},
}

// Set parses s.
func (z *size) Set(s string) error {
	text := strings.ToLower(strings.TrimSpace(s))
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || n < 0 || n*float64(u.bytes) > math.MaxInt64/2 {
			break
		}
		*z = size(n * float64(u.bytes))
		return nil
	}
	return fmt.Errorf("%q is not a size such as 512MB", s)
}

// String formats the size with the largest unit that divides it.
func (z *size) String() string {
	n := int64(*z)
	for _, u := range units[3:6] {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + strings.ToUpper(u.name)
		}
	}
	return strconv.FormatInt(n, 10)
}

// Get returns the size.
func (z *size) Get() any { return *z }
