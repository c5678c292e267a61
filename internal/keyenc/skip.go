package keyenc

import (
	"bytes"
	"encoding/binary"
)

// Skip returns what follows the value at the start of key.
func Skip(key []byte, desc bool) (rest []byte, err error) {
	s := skipper{key: key}
	if desc {
		s.flip = 0xff
	}
	mark, err := s.byte()
	if err != nil {
		return nil, err
	}
	if err := s.payload(mark); err != nil {
		return nil, err
	}
	return s.key, nil
}

// skipper passes over encodings whose bytes are XORed with flip.
type skipper struct {
	key  []byte
	flip byte
}

func (s *skipper) bytes(n int) error {
	if n < 0 || len(s.key) < n {
		return errMalformed
	}
	s.key = s.key[n:]
	return nil
}

func (s *skipper) byte() (byte, error) {
	if len(s.key) == 0 {
		return 0, errMalformed
	}
	b := s.key[0] ^ s.flip
	s.key = s.key[1:]
	return b, nil
}

// until passes over the next byte that is end.
func (s *skipper) until(end byte) error {
	i := bytes.IndexByte(s.key, end^s.flip)
	if i < 0 {
		return errMalformed
	}
	s.key = s.key[i+1:]
	return nil
}

// length reads a big-endian length.
func (s *skipper) length() (int, error) {
	if len(s.key) < 4 {
		return 0, errMalformed
	}
	n := binary.BigEndian.Uint32(s.key)
	if s.flip != 0 {
		n = ^n
	}
	s.key = s.key[4:]
	return int(n), nil
}

func (s *skipper) payload(mark byte) error {
	switch mark {
	case markMinKey, markMaxKey, markMissing, markNull, markFalse, markTrue:
		return nil
	case markString, markJavaScript:
		return s.until(stringEnd)
	case markObjectID:
		return s.bytes(12)
	case markDateTime, markTimestamp:
		return s.bytes(8)
	case markDocument:
		return s.sequence(true)
	case markArray:
		return s.sequence(false)
	case markRegex:
		if err := s.until(0); err != nil {
			return err
		}
		return s.until(0)
	case markBinary, markDBPointer:
		n, err := s.length()
		if err != nil {
			return err
		}
		if mark == markBinary {
			n++ // the subtype
		}
		return s.bytes(n)
	case markCodeWithScope:
		if err := s.until(stringEnd); err != nil {
			return err
		}
		return s.sequence(true)
	}
	if mark >= markNumberFirst && mark <= markNumberLast {
		return s.number(mark)
	}
	return errMalformed
}

// sequence passes over the rest of a document or array.
func (s *skipper) sequence(named bool) error {
	for {
		mark, err := s.byte()
		if err != nil {
			return err
		}
		if mark == markEnd {
			return nil
		}
		if named {
			if err := s.until(0); err != nil {
				return err
			}
			if mark == markNumberFirst || mark == markFalse {
				if mark, err = s.byte(); err != nil {
					return err
				}
			}
		}
		if err := s.payload(mark); err != nil {
			return err
		}
	}
}

func (s *skipper) number(mark byte) error {
	flip := s.flip
	switch {
	case mark == markNaN, mark == markInf, mark == markNegInf, mark == markZero:
		return nil
	case mark < markZero:
		mark = markZero + (markZero - mark)
		flip ^= 0xff
	}
	switch {
	case mark > markWhole && mark < markHuge:
		n := int(mark - markWhole)
		if len(s.key) < n {
			return errMalformed
		}
		fraction := (s.key[n-1]^flip)&1 != 0
		s.key = s.key[n:]
		if !fraction {
			return nil
		}
	case mark != markBelowOne && mark != markHuge:
		return errMalformed
	}
	if len(s.key) < 9 {
		return errMalformed
	}
	more := s.key[8]^flip == moreDigits
	s.key = s.key[9:]
	if !more {
		return nil
	}
	if err := s.bytes(2); err != nil {
		return err
	}
	i := bytes.IndexByte(s.key, flip)
	if i < 0 {
		return errMalformed
	}
	s.key = s.key[i+1:]
	return nil
}
