// Interim: delete this file when the real one lands (helper match).

package sortkey

import (
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
)

type SorterOptions struct {
	Limit        int64
	AllowDiskUse bool
	TempDir      string
}
type ent struct {
	k []byte
	d bsonx.Doc
}
type Sorter struct {
	p    *Pattern
	docs []ent
	o    SorterOptions
}

func NewSorter(p *Pattern, o SorterOptions) *Sorter { return &Sorter{p: p, o: o} }
func (s *Sorter) Add(d bsonx.Doc) error {
	k, err := s.p.AppendKey(nil, d)
	if err != nil {
		return err
	}
	s.docs = append(s.docs, ent{k, d.Clone()})
	return nil
}
func (s *Sorter) Sort() error {
	slices.SortStableFunc(s.docs, func(a, b ent) int { return slices.Compare(a.k, b.k) })
	return nil
}
func (s *Sorter) Next() (bsonx.Doc, bool, error) {
	if len(s.docs) == 0 {
		return nil, false, nil
	}
	d := s.docs[0].d
	s.docs = s.docs[1:]
	return d, true, nil
}
func (s *Sorter) Close() error { return nil }
