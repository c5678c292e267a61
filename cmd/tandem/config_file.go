package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"
	"go.yaml.in/yaml/v3"
)

// configFile is a YAML file with one level of keys, the names of flags. It is read when
// the first flag looks into it.
type configFile struct {
	path string

	loaded bool
	values map[string]string
	err    error
}

func (c *configFile) source(name string) cli.ValueSource { return &configSource{file: c, name: name} }

// load reads the file once.
func (c *configFile) load() {
	if c.loaded || c.path == "" {
		return
	}
	c.loaded = true
	raw, err := os.ReadFile(c.path)
	if err != nil {
		c.err = fmt.Errorf("cannot read the configuration file: %w", err)
		return
	}
	var nodes map[string]yaml.Node
	if err := yaml.Unmarshal(raw, &nodes); err != nil {
		c.err = fmt.Errorf("configuration file %s: %s", c.path, strings.ReplaceAll(err.Error(), "\n", " "))
		return
	}
	c.values = make(map[string]string, len(nodes))
	for name, n := range nodes {
		if c.values[name], err = scalar(n); err != nil {
			c.err = fmt.Errorf("configuration file %s, line %d: %s: %w", c.path, n.Line, name, err)
			return
		}
	}
}

// scalar returns a value as it would be on the command line.
func scalar(n yaml.Node) (string, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		return n.Value, nil
	case yaml.SequenceNode:
		var all []string
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				return "", errors.New("a list of lists or maps is not a value")
			}
			all = append(all, item.Value)
		}
		return strings.Join(all, ","), nil
	}
	return "", errors.New("a map is not a value")
}

// check returns what is wrong with the file: it cannot be read, or has keys that are no
// flags.
func (c *configFile) check(flags []cli.Flag) error {
	c.load()
	if c.err != nil {
		return c.err
	}
	var known []string
	for _, f := range flags {
		known = append(known, f.Names()...)
	}
	var unknown []string
	for name := range c.values {
		if name == "config" || !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return fmt.Errorf("configuration file %s: unknown setting %q", c.path, unknown[0])
}

// configSource is one key of a configFile.
type configSource struct {
	file *configFile
	name string
}

// Lookup returns the key's value, and false if it is not in the file.
func (s *configSource) Lookup() (string, bool) {
	s.file.load()
	v, ok := s.file.values[s.name]
	return v, ok
}

// String describes the source in error messages.
func (s *configSource) String() string { return fmt.Sprintf("configuration file %q", s.file.path) }

// GoString describes the source for debugging.
func (s *configSource) GoString() string { return fmt.Sprintf("&configSource{name:%q}", s.name) }
