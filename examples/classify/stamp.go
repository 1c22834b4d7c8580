package main

import (
	"strconv"
	"strings"
	"time"
)

// stamps reads the times in front of the lines of a log.
type stamps struct {
	text string    // the time that was read last, as most lines have the one before
	time time.Time // what it says
}

// read cuts the time off the beginning of a line: "Nov 23 10:11:12", the same in other
// languages, "2026-11-23 10:11:12" or RFC 3339, with or without fractions and zones, behind
// a day of the week or not, a TAI64N label, or seconds since 1970. A time without a year has the
// year 0. It returns false where there is none.
func (s *stamps) read(line string) (t time.Time, rest string, ok bool) {
	if n := len(s.text); n > 0 && len(line) > n && line[n] == ' ' && line[:n] == s.text {
		return s.time, strings.TrimLeft(line[n:], " "), true
	}
	t, n := readTime(line)
	if n == 0 {
		t, n = readLocalTime(line)
	}
	if n == 0 {
		return time.Time{}, line, false
	}
	s.text, s.time = strings.Clone(line[:n]), t
	return t, strings.TrimLeft(line[n:], " "), true
}

// readTime returns the time that a line begins with, and its length; 0 for none.
func readTime(line string) (time.Time, int) {
	if len(line) < 10 {
		return time.Time{}, 0
	}
	switch c := line[0]; {
	case c == '@':
		return readTAI(line)
	case isDigit(c) && (line[4] == '-' || line[4] == '/'):
		return readDate(line)
	case isDigit(c):
		return readEpoch(line)
	case c < 'A' || c > 'Z' || line[3] != ' ':
		return time.Time{}, 0
	case isDigit(line[4]) && isDigit(line[5]) && isDigit(line[6]): // "Mon 2026-11-23"
		t, n := readDate(line[4:])
		if n == 0 {
			return t, 0
		}
		n += 4
		return t, n + abbreviation(line[n:])
	}
	return readStamp(line)
}

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// readStamp reads "Nov 23 10:11:12" (RFC 3164 4.1.2), with or without fractions.
func readStamp(line string) (time.Time, int) {
	const length = len("Nov 23 10:11:12")
	if len(line) < length || line[6] != ' ' {
		return time.Time{}, 0
	}
	month := strings.Index(months, line[:3])
	day, ok := number(strings.TrimPrefix(line[4:6], " "))
	at, n := readClock(line[7:])
	if month < 0 || month%3 != 0 || !ok || day < 1 || day > 31 || n == 0 {
		return time.Time{}, 0
	}
	return time.Date(0, time.Month(month/3+1), day, 0, 0, 0, 0, time.UTC).Add(at), 7 + n
}

// readDate reads "2026-11-23 10:11:12", the same with slashes, as Go's package log
// writes it, and RFC 3339, with a comma or a point before
// the fractions, and a zone that may stand behind a blank.
func readDate(line string) (time.Time, int) {
	const date = len("2026-11-23")
	if len(line) < date+len("T10:11:12") || line[7] != line[4] || line[date] != 'T' && line[date] != ' ' {
		return time.Time{}, 0
	}
	year, ok1 := number(line[:4])
	month, ok2 := number(line[5:7])
	day, ok3 := number(line[8:10])
	at, n := readClock(line[date+1:])
	if !ok1 || !ok2 || !ok3 || month < 1 || month > 12 || day < 1 || day > 31 || n == 0 {
		return time.Time{}, 0
	}
	n += date + 1
	zone, length := readZone(line[n:])
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, zone).Add(at), n + length
}

// readClock reads "10:11:12.345", the time since midnight.
func readClock(text string) (time.Duration, int) {
	if len(text) < 8 || text[2] != ':' || text[5] != ':' {
		return 0, 0
	}
	hour, ok1 := number(text[:2])
	minute, ok2 := number(text[3:5])
	second, ok3 := number(text[6:8])
	if !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 60 {
		return 0, 0
	}
	at, n := time.Duration(hour)*time.Hour+time.Duration(minute)*time.Minute+time.Duration(second)*time.Second, 8
	if n+1 < len(text) && (text[n] == '.' || text[n] == ',') && isDigit(text[n+1]) {
		unit := time.Second
		for n++; n < len(text) && isDigit(text[n]); n++ {
			unit /= 10
			at += time.Duration(text[n]-'0') * unit
		}
	}
	return at, n
}

// abbreviation returns the length of " CET" behind a time. It says nothing: such times
// count as UTC.
func abbreviation(text string) int {
	end := strings.IndexByte(text[min(1, len(text)):], ' ')
	if (end == 3 || end == 4) && text[0] == ' ' && strings.Trim(text[1:1+end], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		return 1 + end
	}
	return 0
}

// readZone reads "Z", "+01:00" and "+0100", the latter two also behind a blank. Times
// without a zone count as UTC.
func readZone(text string) (*time.Location, int) {
	n := 0
	if strings.HasPrefix(text, " ") {
		n = 1
	}
	if n == 0 && strings.HasPrefix(text, "Z") {
		return time.UTC, 1
	}
	if rest := text[n:]; len(rest) >= 5 && (rest[0] == '+' || rest[0] == '-') {
		digits := strings.Replace(rest[1:min(6, len(rest))], ":", "", 1)
		hours, ok1 := number(digits[:2])
		minutes, ok2 := number(digits[2:4])
		if ok1 && ok2 && hours < 24 && minutes < 60 {
			seconds := hours*3600 + minutes*60
			if rest[0] == '-' {
				seconds = -seconds
			}
			if rest[3] == ':' {
				n++
			}
			return time.FixedZone("", seconds), n + 5
		}
	}
	return time.UTC, 0
}

// readTAI reads "@400000006560f1d01234abcd", a TAI64N label as multilog and s6-log
// write it; like theirs, it is 10 s ahead of UTC.
func readTAI(line string) (time.Time, int) {
	const length, base = len("@") + 24, 1<<62 + 10
	if len(line) < length {
		return time.Time{}, 0
	}
	seconds, err := strconv.ParseUint(line[1:17], 16, 64)
	nanos, err2 := strconv.ParseUint(line[17:length], 16, 32)
	if err != nil || err2 != nil || seconds < base || seconds > base+1<<33 || nanos >= 1e9 {
		return time.Time{}, 0
	}
	return time.Unix(int64(seconds-base), int64(nanos)).UTC(), length
}

// readEpoch reads "1795000000.123456".
func readEpoch(line string) (time.Time, int) {
	n := 0
	for n < len(line) && isDigit(line[n]) {
		n++
	}
	if n < 9 || n > 10 || n == len(line) || line[n] != '.' {
		return time.Time{}, 0
	}
	seconds, _ := number(line[:n])
	nanos, unit := int64(0), int64(1e8)
	for n++; n < len(line) && isDigit(line[n]); n++ {
		nanos += int64(line[n]-'0') * unit
		unit /= 10
	}
	return time.Unix(int64(seconds), nanos).UTC(), n
}

// number reads a text of digits only.
func number(text string) (n int, ok bool) {
	for i := range len(text) {
		if !isDigit(text[i]) {
			return 0, false
		}
		n = n*10 + int(text[i]-'0')
	}
	return n, text != ""
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// formatTime writes a time of a log for people; one without a year has none.
func formatTime(t time.Time) string {
	if t.Year() < 1000 {
		return t.Format(time.Stamp)
	}
	return t.Format(time.DateTime)
}

// clock makes the times of a log rise over the turn of a year, which some logs do not
// have.
type clock struct {
	years int
	last  time.Time
}

// inOrder adds the years that have turned since the first line.
func (c *clock) inOrder(t time.Time) time.Time {
	if t.IsZero() || t.Year() != 0 {
		return t
	}
	t = t.AddDate(c.years, 0, 0)
	switch {
	case c.last.IsZero():
	case c.last.Sub(t) > 180*24*time.Hour:
		c.years++
		t = t.AddDate(1, 0, 0)
	case t.Sub(c.last) > 180*24*time.Hour && c.years > 0:
		t = t.AddDate(-1, 0, 0) // a straggler of the old year
	}
	c.last = t
	return t
}
