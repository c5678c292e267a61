package command

import (
	"fmt"
	"strings"
)

//go:generate go test -run TestCompatibilityDocument -rewrite .

// CommandTable describes the commands as a Markdown table, for docs/compatibility.md.
func CommandTable() string {
	var b strings.Builder
	b.WriteString("| command | what it does | in a transaction | read concern | notes |\n|---|---|---|---|---|\n")
	for _, s := range Commands() {
		if s.Handler == nil {
			continue
		}
		names := strings.Join(append([]string{s.Name}, s.Aliases...), "`, `")
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", names, s.Help, s.inTransaction(), s.readConcerns(), s.notes())
	}
	return b.String()
}

func (s *Spec) inTransaction() string {
	switch {
	case s.Has(TxnAllowed | TxnFirst):
		return "yes"
	case s.Has(TxnAllowed):
		return "not first"
	case s.Has(TxnInforms):
		return "answered, not first"
	}
	return "refused"
}

func (s *Spec) readConcerns() string {
	switch s.Levels {
	case allLevel:
		return "all"
	case anyLevel:
		return "all but snapshot"
	}
	return "local, available"
}

func (s *Spec) notes() string {
	var notes []string
	for _, n := range []struct {
		flag Flags
		text string
	}{
		{AdminOnly, "admin database only"},
		{Retryable, "retryable"},
		{TakesConcern, "write concern"},
		{NoAuth, "before authentication"},
		{APIV1, "API version 1"},
		{TestOnly, "for tests"},
	} {
		if s.Has(n.flag) {
			notes = append(notes, n.text)
		}
	}
	return strings.Join(notes, "; ")
}

// ParameterTable describes the settings of getParameter and setParameter.
func ParameterTable() string {
	var b strings.Builder
	b.WriteString("| setting | can be changed |\n|---|---|\n")
	for i := range parameters {
		changes := "no"
		if parameters[i].set != nil {
			changes = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", parameters[i].name, changes)
	}
	return b.String()
}
