package main

import "slices"

// batch is a binary's mutants: one that is compiled by itself, or many behind their
// switches. The switches count from 1.
type batch struct {
	mutants []mutant
	forms   []switched // nil for a mutant by itself
}

// batches divides the mutants of a package, so that no two of a batch change the same
// code.
func (p *source) batches(mutants []mutant) (all []batch) {
	var alone []batch
	for _, m := range mutants {
		form, ok := p.switchedForm(m)
		if !ok {
			alone = append(alone, batch{mutants: []mutant{m}})
			continue
		}
		i := slices.IndexFunc(all, func(b batch) bool { return !b.overlaps(m, form) })
		if i < 0 {
			i = len(all)
			all = append(all, batch{})
		}
		all[i].mutants, all[i].forms = append(all[i].mutants, m), append(all[i].forms, form)
	}
	return append(all, alone...)
}

// switchedForm returns the first form of a mutant that compiles.
func (p *source) switchedForm(m mutant) (switched, bool) {
	i := slices.IndexFunc(m.forms, func(f switched) bool {
		return p.compiles(m.file, splice(m.file.text, f.start, f.end, f.text(1)))
	})
	if i < 0 {
		return switched{}, false
	}
	return m.forms[i], true
}

// overlaps reports whether a form changes code that one of the batch changes.
func (b batch) overlaps(m mutant, form switched) bool {
	for i, other := range b.forms {
		if b.mutants[i].file == m.file && form.start < other.end && other.start < form.end {
			return true
		}
	}
	return false
}

// number returns the number that switches on mutant i.
func (b batch) number(i int) int {
	if b.forms == nil {
		return 0
	}
	return i + 1
}

// halves returns the batch in two parts, or the one mutant that it has by itself.
func (b batch) halves() []batch {
	n := len(b.mutants) / 2
	if n == 0 {
		return []batch{{mutants: b.mutants}}
	}
	return []batch{{b.mutants[:n], b.forms[:n]}, {b.mutants[n:], b.forms[n:]}}
}

// texts returns the changed files by their names.
func (b batch) texts() map[string][]byte {
	texts := map[string][]byte{}
	if b.forms == nil {
		texts[b.mutants[0].File] = b.mutants[0].mutated()
		return texts
	}
	order := make([]int, len(b.forms)) // from the end, so that offsets stay true
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int { return b.forms[y].start - b.forms[x].start })
	for _, i := range order {
		file, form := b.mutants[i].file, b.forms[i]
		text, ok := texts[file.name]
		if !ok {
			text = file.text
		}
		texts[file.name] = splice(text, form.start, form.end, form.text(i+1))
	}
	return texts
}

// splice returns a text with another in place of a part.
func splice(text []byte, start, end int, part string) []byte {
	return slices.Concat(text[:start], []byte(part), text[end:])
}
