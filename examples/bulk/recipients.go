package main

import "fmt"

// maxNotes bounds the lines that are printed about one kind of oddity.
const maxNotes = 20

// recipients knows who gets no mail from this run: recipients that an earlier
// run has settled, and addresses that the list repeats.
type recipients struct {
	known  map[recipientKey]known
	resend bool // whether those who may have the mail get it again
	told   bool // whether the list was read once, and what was found is known

	settled  int // recipients that are left out because of an earlier run
	unknown  int // those of them who may have the mail
	missing  int // recipients of whom the runs before have said nothing
	repeated int // entries whose address is in the list before
	noted    int // entries that were mended
	notes    []string
}

// known is the knowledge of an address. There is one for each line of a list, so
// it is small.
type known struct {
	line uint32 // the first of the list that has the address; 0 when none was read
	end  ending // in earlier runs
}

// leaveOut reports whether an entry of the list gets no mail from this run. It
// gives the same answer each time the list is read.
func (s *recipients) leaveOut(r row) bool {
	key := keyOf(r.address)
	k, known := s.known[key]
	end := k.end
	if r.err != nil {
		return end >= endedBadLine
	}
	if k.line == 0 {
		k.line = uint32(r.line)
		s.known[key] = k
	}
	if !known && !s.told {
		s.missing++
	}
	switch {
	case k.line != uint32(r.line):
		s.note(&s.repeated, r.line, fmt.Sprintf("%s is in line %d already: it gets one mail", r.address, k.line))
		return true
	case end == endedDelivered, end == endedRefused, end == endedUnknown && !s.resend:
		if !s.told {
			s.settled++
		}
		if !s.told && end == endedUnknown {
			s.unknown++
		}
		return true
	}
	if r.note != "" {
		s.note(&s.noted, r.line, r.note)
	}
	return false
}

// note counts an oddity, and keeps the words about the first ones.
func (s *recipients) note(count *int, line int, what string) {
	if s.told {
		return
	}
	if *count++; *count <= maxNotes {
		s.notes = append(s.notes, fmt.Sprintf("%d: %s", line, what))
	}
}

// tell prints what was found, after the list was read once.
func (s *recipients) tell(out *console, list, report string) {
	for _, note := range s.notes {
		out.print("%s:%s", list, note)
	}
	for _, c := range []struct {
		count int
		what  string
	}{
		{s.repeated, "entries with an address that is in the list before"},
		{s.noted, "entries that are odd"},
	} {
		if c.count > maxNotes {
			out.print("%s: %d %s in all", list, c.count, c.what)
		}
	}
	if s.settled > 0 {
		out.print("%d recipients have their answer in %s and are left out", s.settled, report)
	}
	if s.unknown > 0 {
		out.print("%d of them are unknown: the answer to their mail was lost, and they may have it; -unknown resend sends it to them again", s.unknown)
	}
	s.told, s.notes = true, nil
}
