package command

import "sync/atomic"

// params are the settings of getParameter and setParameter that the command layer itself uses.
type params struct {
	requireAPI  atomic.Bool
	createInTxn atomic.Bool // shouldMultiDocTxnCreateCollectionAndIndexes
	fcv42       atomic.Bool // the feature compatibility version is below 4.4
}

func (p *params) init(*Service) { p.createInTxn.Store(true) }
