package agg

import (
	"math"
	"slices"
)

// series is a sequence of preferred numbers, given by those from 1 up to 10, which repeat with
// every power of ten. The series of powers of two is given by none.
type series []float64

// seriesByName returns the series that $bucketAuto names so, nil for an unknown one.
func seriesByName(name string) series {
	switch name {
	case "POWERSOF2":
		return series{}
	case "1-2-5":
		return series{1, 2, 5}
	case "E48":
		return logarithmic(48)
	case "E96":
		return logarithmic(96)
	case "E192":
		s := logarithmic(192)
		s[slices.Index(s, 9.19)] = 9.20 // as the standard has it
		return s
	}
	return preferred[name]
}

// preferred are the Renard series (ISO 3) and the coarse E series (IEC 60063), whose numbers
// are rounded too freely to be computed.
var preferred = map[string]series{
	"R5":  {1, 1.6, 2.5, 4, 6.3},
	"R10": {1, 1.25, 1.6, 2, 2.5, 3.15, 4, 5, 6.3, 8},
	"R20": {1, 1.12, 1.25, 1.4, 1.6, 1.8, 2, 2.24, 2.5, 2.8, 3.15, 3.55, 4, 4.5, 5, 5.6, 6.3, 7.1, 8, 9},
	"R40": {
		1, 1.06, 1.12, 1.18, 1.25, 1.32, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2, 2.12, 2.24, 2.36, 2.5, 2.65, 2.8, 3,
		3.15, 3.35, 3.55, 3.75, 4, 4.25, 4.5, 4.75, 5, 5.3, 5.6, 6, 6.3, 6.7, 7.1, 7.5, 8, 8.5, 9, 9.5,
	},
	"R80": {
		1, 1.03, 1.06, 1.09, 1.12, 1.15, 1.18, 1.22, 1.25, 1.28, 1.32, 1.36, 1.4, 1.45, 1.5, 1.55, 1.6, 1.65, 1.7, 1.75,
		1.8, 1.85, 1.9, 1.95, 2, 2.06, 2.12, 2.18, 2.24, 2.3, 2.36, 2.43, 2.5, 2.58, 2.65, 2.72, 2.8, 2.9, 3, 3.07,
		3.15, 3.25, 3.35, 3.45, 3.55, 3.65, 3.75, 3.87, 4, 4.12, 4.25, 4.37, 4.5, 4.62, 4.75, 4.87, 5, 5.15, 5.3, 5.45,
		5.6, 5.8, 6, 6.15, 6.3, 6.5, 6.7, 6.9, 7.1, 7.3, 7.5, 7.75, 8, 8.25, 8.5, 8.75, 9, 9.25, 9.5, 9.75,
	},
	"E6":  {1, 1.5, 2.2, 3.3, 4.7, 6.8},
	"E12": {1, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 3.9, 4.7, 5.6, 6.8, 8.2},
	"E24": {1, 1.1, 1.2, 1.3, 1.5, 1.6, 1.8, 2, 2.2, 2.4, 2.7, 3, 3.3, 3.6, 3.9, 4.3, 4.7, 5.1, 5.6, 6.2, 6.8, 7.5, 8.2, 9.1},
}

// logarithmic returns n numbers with the same ratio, rounded to two decimals.
func logarithmic(n int) series {
	s := make(series, n)
	for i := range s {
		s[i] = math.Round(100*math.Pow(10, float64(i)/float64(n))) / 100
	}
	return s
}

// above returns the lowest number of the series that is greater than f, 0 for 0.
func (s series) above(f float64) float64 {
	switch {
	case f == 0 || math.IsInf(f, 0):
		return f
	case len(s) == 0:
		return math.Exp2(math.Floor(math.Log2(f)) + 1)
	}
	for exp := decade(f) - 1; ; exp++ {
		for _, n := range s {
			if v := scale(n, exp); v > f {
				return v
			}
		}
	}
}

// below returns the greatest number of the series that is less than f, 0 for 0.
func (s series) below(f float64) float64 {
	switch {
	case f == 0 || math.IsInf(f, 0):
		return f
	case len(s) == 0:
		return math.Exp2(math.Ceil(math.Log2(f)) - 1)
	}
	for exp := decade(f) + 1; ; exp-- {
		for _, n := range slices.Backward(s) {
			if v := scale(n, exp); v < f {
				return v
			}
		}
	}
}

func decade(f float64) int { return int(math.Floor(math.Log10(f))) }

// scale returns n x 10^exp, dividing by positive powers, which are exact up to 10^22.
func scale(n float64, exp int) float64 {
	if exp < 0 {
		return n / math.Pow10(-exp)
	}
	return n * math.Pow10(exp)
}
