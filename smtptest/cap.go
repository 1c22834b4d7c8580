package smtptest

import "fmt"

// Cap is how many of something a server allows. The zero Cap allows all.
type Cap struct {
	Max   int    // 0: no limit
	Reply string // the whole reply to one too many; "": the default named where the Cap is used. A 421 also closes
}

// allows reports whether one more may come where there are n.
func (c Cap) allows(n int) bool { return c.Max == 0 || n < c.Max }

// validate says what is wrong with a Cap of something.
func (c Cap) validate(where string) []error {
	if c.Max < 0 {
		return []error{fmt.Errorf("smtptest: a Cap of %s has Max %d; 0 or more is needed", where, c.Max)}
	}
	return nil
}
