package agg

// optimize rewrites a pipeline into a cheaper one with the same results.
func optimize(p *Pipeline) (*Pipeline, error) { return p, nil }
