package odm_test

import "regexp"

// clockless matches times, which differ between two runs.
var clockless = regexp.MustCompile(`\{"\$date":\{"\$numberLong":"\d+"\}\}`)
