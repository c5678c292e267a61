package command

import "sync/atomic"

// params are the settings of getParameter and setParameter that the command layer itself uses.
type params struct {
	requireAPI atomic.Bool
}

func (p *params) init(*Service) {}
