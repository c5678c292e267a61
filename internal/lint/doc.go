// Package lint holds the rules of this repository that no linter knows, as tests: which
// package may import which, and what every package must say about itself.
package lint
