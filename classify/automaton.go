package classify

import "slices"

// automaton finds all of many fragments in one pass over a text, whatever their
// number: the machine of Aho and Corasick (1975), with its failure links resolved
// into the table of transitions.
type automaton struct {
	columns [256]uint8 // of each byte; 0 for those that are in no fragment
	width   int        // of a row
	next    []uint32   // where each state goes, row after row; a state is the offset of its row
	ends    []uint32   // of each row: the end of its hits
	hits    []hit
}

// ending marks a state in the table of transitions that has hits.
const ending = 1 << 31

// hit is what a fragment means that was found.
type hit struct {
	rule   uint16 // its place in the table
	length uint8  // of the fragment, at most maxFragment
	kind   hitKind
}

type hitKind uint8

const (
	proves   hitKind = iota // the rule's text fits
	suggests                // it may fit, which remains to be seen
	asks                    // no rule: a word that asks to wait
)

// builder collects fragments as a tree.
type builder struct {
	edges [][]edge // of each node
	found [][]hit
}

type edge struct {
	c  byte
	to int
}

func newBuilder() *builder { return &builder{edges: make([][]edge, 1), found: make([][]hit, 1)} }

// add notes what fragment means.
func (b *builder) add(fragment string, h hit) {
	node := 0
	for i := range len(fragment) {
		to := b.child(node, fragment[i])
		if to == 0 {
			to = len(b.edges)
			b.edges = append(b.edges, nil)
			b.found = append(b.found, nil)
			b.edges[node] = append(b.edges[node], edge{fragment[i], to})
		}
		node = to
	}
	h.length = uint8(len(fragment))
	if !slices.Contains(b.found[node], h) {
		b.found[node] = append(b.found[node], h)
	}
}

// child is the node behind node's edge c, 0 when there is none.
func (b *builder) child(node int, c byte) int {
	for _, e := range b.edges[node] {
		if e.c == c {
			return e.to
		}
	}
	return 0
}

// build makes the automaton. It numbers the nodes breadth first, so that the few
// that most texts visit lie side by side.
func (b *builder) build() *automaton {
	a := &automaton{width: 1}
	for _, edges := range b.edges {
		for _, e := range edges {
			if a.columns[e.c] == 0 {
				a.columns[e.c] = uint8(a.width)
				a.width++
			}
		}
	}
	order := []int{0}       // nodes, breadth first
	fallback := []uint32{0} // of each node in order: the state of its longest suffix
	a.next = make([]uint32, a.width*len(b.edges))
	for row := 0; row < len(order); row++ {
		node := order[row]
		state, suffix := a.next[row*a.width:][:a.width], a.next[fallback[row]:][:a.width]
		if row > 0 {
			copy(state, suffix)
		}
		for _, e := range b.edges[node] {
			column := a.columns[e.c]
			behind := uint32(0)
			if row > 0 {
				behind = suffix[column]
			}
			state[column] = uint32(len(order) * a.width)
			order = append(order, e.to)
			fallback = append(fallback, behind)
		}
		a.hits = append(a.hits, b.found[node]...)
		if row > 0 {
			a.hits = append(a.hits, a.at(fallback[row])...)
		}
		a.ends = append(a.ends, uint32(len(a.hits)))
	}
	for i, state := range a.next {
		if len(a.at(state)) > 0 {
			a.next[i] |= ending
		}
	}
	return a
}

// at returns the hits of a state.
func (a *automaton) at(state uint32) []hit {
	row := int(state) / a.width
	if row == 0 {
		return nil
	}
	return a.hits[a.ends[row-1]:a.ends[row]]
}
