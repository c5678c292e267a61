package txn

// MisleadHints makes all that is remembered about an _id lead to the record rid.
func (s *Store) MisleadHints(rid int64) {
	for i := range s.ids.slots {
		if hash := s.ids.slots[i].Load(); hash != 0 {
			s.ids.put(hash&^(idHintSlots-1)|uint64(i), rid)
		}
	}
}
