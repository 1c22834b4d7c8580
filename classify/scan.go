package classify

import "time"

// scan is what one pass over a folded text found.
type scan struct {
	proven, suggested bitset
	asked             int // where the first word stands that asks to wait, -1 if none does
}

// setWords is the number of words in each set of a scan that need no allocation:
// enough for 2,048 rules.
const setWords = 32

// newScan makes a scan for the rules of the table, in the given room if it is
// enough.
func (t *table) newScan(room *[2 * setWords]uint64) scan {
	sets := bitset(room[:])
	n := len(t.always)
	if n > setWords {
		sets = make(bitset, 2*n)
	}
	return scan{proven: sets[:n], suggested: sets[n : 2*n]}
}

// run passes over the text.
func (s *scan) run(a *automaton, folded []byte) {
	s.asked = -1
	state := uint32(0)
	for i, c := range folded {
		state = a.next[state+uint32(a.columns[c])]
		if state&ending == 0 {
			continue
		}
		state &^= ending
		for _, h := range a.at(state) {
			switch {
			case h.kind == proves:
				s.proven.add(int(h.rule))
			case h.kind == suggests:
				s.suggested.add(int(h.rule))
			case s.asked < 0:
				s.asked = i + 1 - int(h.length)
			}
		}
	}
}

// delay is what the text asks for, 0 when it does not.
func (s *scan) delay(folded []byte) time.Duration {
	if s.asked < 0 {
		return 0
	}
	return delayHint(folded[s.asked:])
}
