package classify

import "math/bits"

// automaton finds all of many fragments in one pass over a text, whatever their
// number. It is the machine of Aho and Corasick (1975), with its failure links
// resolved into a table of transitions.
type automaton struct {
	columns [256]uint8 // the column of each byte; 0 for bytes of no fragment
	width   int        // the length of a row: the number of columns, and 2 for the bounds of its hits
	next    []uint32   // the transitions, row after row; a state is the offset of its row
	hits    []hit
}

// ending marks a state that has hits, in the table of transitions.
const ending = 1 << 31

// hit is the meaning of a fragment that was found.
type hit struct {
	place  uint32 // of the rule in its table, or of the text among those with gaps; the sense of a word
	length uint8  // the length of the fragment, at most maxFragment
	kind   hitKind
}

type hitKind uint8

const (
	proves   hitKind = iota // the rule's text fits
	suggests                // the rule's pattern may fit and must be verified
	closes                  // the last fragment of a text with gaps
	asks                    // no rule: a word that asks to wait
	means                   // no rule but a sense
)

// at returns the hits of a state.
func (a *automaton) at(state uint32) []hit {
	bounds := a.next[int(state)+a.width-2:][:2]
	return a.hits[bounds[0]:bounds[1]]
}

// builder collects fragments as a tree. Nodes and hits refer to each other by
// their places in two lists, so that a tree of any size takes few allocations.
// Place 0 is the root among the nodes, and stands for "none" among the hits.
type builder struct {
	narrow  bool // whether fragments beyond ASCII are left out
	columns [256]uint8
	width   int
	nodes   []node
	hits    []listedHit
}

type node struct {
	child   int32 // the first child; 0 for none
	sibling int32 // the next child of the same parent; 0 for none
	hits    int32 // the latest hit; 0 for none
	c       byte  // the byte on the edge from the parent
}

type listedHit struct {
	hit
	earlier int32 // the hit of the same node that was added before; 0 for none
}

// newBuilder returns a builder with room for fragments of so many bytes.
func newBuilder(size int) *builder {
	return &builder{width: 1, nodes: make([]node, 1, size+1), hits: make([]listedHit, 1, size/8+1)}
}

// add notes the meaning of a fragment.
func (b *builder) add(fragment []byte, h hit) {
	if b.narrow && !isASCII(fragment) {
		return
	}
	at := int32(0)
	for _, c := range fragment {
		to := b.nodes[at].child
		for to != 0 && b.nodes[to].c != c {
			to = b.nodes[to].sibling
		}
		if to == 0 {
			to = b.grow(at, c)
		}
		at = to
	}
	h.length = uint8(len(fragment))
	for i := b.nodes[at].hits; i != 0; i = b.hits[i].earlier {
		if b.hits[i].hit == h {
			return
		}
	}
	b.hits = append(b.hits, listedHit{h, b.nodes[at].hits})
	b.nodes[at].hits = int32(len(b.hits) - 1)
}

// grow adds a child to a node and returns its place.
func (b *builder) grow(parent int32, c byte) int32 {
	if b.columns[c] == 0 {
		b.columns[c] = uint8(b.width)
		b.width++
	}
	place := int32(len(b.nodes))
	b.nodes = append(b.nodes, node{c: c, sibling: b.nodes[parent].child})
	b.nodes[parent].child = place
	return place
}

// build makes the automaton. It numbers the nodes breadth first, so that the few nodes
// visited by most texts lie side by side. The state of a node's longest suffix is
// complete before the node's own, as the suffix is nearer to the root.
func (b *builder) build() *automaton {
	width := b.width + 2
	a := &automaton{columns: b.columns, width: width, next: make([]uint32, width*len(b.nodes)), hits: make([]hit, 0, 2*len(b.hits))}
	order := make([]int32, 1, len(b.nodes))   // the nodes, breadth first
	suffix := make([]uint32, 1, len(b.nodes)) // the state of the longest suffix of each
	for row := 0; row < len(order); row++ {
		n := &b.nodes[order[row]]
		state, shorter := a.next[row*width:][:width], a.next[suffix[row]&^ending:][:width]
		if row > 0 {
			copy(state, shorter)
		}
		for to := n.child; to != 0; to = b.nodes[to].sibling {
			column := a.columns[b.nodes[to].c]
			behind := state[column]
			state[column] = uint32(len(order)*width) | behind&ending
			if b.nodes[to].hits != 0 {
				state[column] |= ending
			}
			order, suffix = append(order, to), append(suffix, behind)
		}
		state[width-2] = uint32(len(a.hits))
		for i := n.hits; i != 0; i = b.hits[i].earlier {
			a.hits = append(a.hits, b.hits[i].hit)
		}
		a.hits = append(a.hits, a.at(suffix[row]&^ending)...)
		state[width-1] = uint32(len(a.hits))
	}
	return a
}

// scan is the result of one pass over a folded text.
type scan struct {
	sets      [2 * setWords]uint64 // the rules that the text proves, and those that it suggests
	large     bitset               // the same for more rules than sets has room for; else nil
	words     int                  // the length of each of the two sets
	asked     int                  // the offset of the first word that asks to wait; -1 for none
	ages      [maxAges]age         // the ages and durations, once they were looked for
	aged      int                  // the number of ages; -1 until they were looked for
	closings  [maxClosings]closing // the texts with gaps that may fit
	closed    int                  // the number of closings, more than maxClosings if some are not kept
	senses    senses
	marked    int // the number of marks
	marks     [maxMarks]mark
	limit     Limit // the limit that the words name, once it was read
	read      bool  // whether it was
	addressed bool  // whether the addresses were marked
	wide      int   // 1 for a text whose letters take two bytes or more each, so that distances double
}

// setWords is the number of words in each set of a scan that need no allocation:
// enough for 2,048 rules.
const setWords = 32

// maxClosings is the number of texts with gaps of which a closing is kept.
const maxClosings = 32

// closing is a place at which the last fragment of a text with gaps stands.
type closing struct {
	text uint32 // the place among the texts with gaps
	from uint16
}

// reset empties the scan for the rules of a table.
func (s *scan) reset(t *table) {
	s.words, s.large = len(t.always), nil
	if s.words > setWords {
		s.large = make(bitset, 2*s.words)
	} else {
		clear(s.sets[:2*s.words])
	}
	s.aged = -1
	s.asked, s.closed, s.senses, s.marked, s.read, s.addressed = -1, 0, 0, 0, false, false
}

// found returns the rules that the text proves, and those that it suggests.
func (s *scan) found() (proven, suggested bitset) {
	sets := s.large
	if sets == nil {
		sets = s.sets[:]
	}
	return sets[:s.words], sets[s.words : 2*s.words]
}

// run passes over the text.
func (s *scan) run(a *automaton, folded []byte) {
	proven, suggested := s.found()
	next, columns, state := a.next, &a.columns, uint32(0)
	for i, c := range folded {
		state = next[state+uint32(columns[c])]
		if state&ending == 0 {
			continue
		}
		state &^= ending
		for _, h := range a.at(state) {
			switch {
			case h.kind == proves:
				proven.add(int(h.place))
			case h.kind == suggests:
				suggested.add(int(h.place))
			case h.kind == closes:
				s.close(i+1, h)
			case h.kind == means:
				s.note(i+1, h)
			case s.asked < 0:
				s.asked = i + 1 - int(h.length)
			}
		}
	}
}

// close notes the last fragment of a text with gaps that ends at an offset. The latest
// place of each such fragment is enough: it has most text before it.
func (s *scan) close(end int, h hit) {
	from := uint16(end - int(h.length))
	for i := range s.closings[:min(s.closed, maxClosings)] {
		if c := &s.closings[i]; c.text == h.place {
			c.from = from
			return
		}
	}
	if s.closed < maxClosings {
		s.closings[s.closed] = closing{h.place, from}
	}
	s.closed++
}

// note marks the word that ends at an offset.
func (s *scan) note(end int, h hit) {
	s.senses |= 1 << h.place
	if s.marked < maxMarks {
		s.marks[s.marked] = mark{uint16(end - int(h.length)), uint16(end), sense(h.place)}
		s.marked++
	}
}

// bitset is a set of places in a table of rules.
type bitset []uint64

// wordsFor returns the length of a bitset for n places.
func wordsFor(n int) int { return (n + 63) / 64 }

func (s bitset) add(i int) { s[i/64] |= 1 << (i % 64) }

func (s bitset) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

// first returns the lowest place in a word that is not empty.
func first(word uint64) int { return bits.TrailingZeros64(word) }
