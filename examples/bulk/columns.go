package main

import (
	"fmt"
	"strings"
)

// emailColumn is the column that the address is taken from.
const emailColumn = "email"

// columns are the names of the values that each line of the list gives.
type columns struct {
	names []string
	email int // which of them is the address
}

// newColumns reads the header of a CSV list. ok is false when it has no column
// email, in any case of letters.
func newColumns(header []string) (c columns, ok bool, err error) {
	c.email = -1
	seen := map[string]bool{}
	for i, name := range header {
		name = strings.TrimSpace(name)
		c.names = append(c.names, name)
		if strings.EqualFold(name, emailColumn) {
			if c.email >= 0 {
				return c, true, fmt.Errorf("two columns are called %q", emailColumn)
			}
			c.email = i
		}
		if name != "" && seen[name] && err == nil {
			err = fmt.Errorf("two columns are called %q", name)
		}
		seen[name] = true
	}
	return c, c.email >= 0, err
}

// find gives the index of a column; "email" is the address, however the
// header writes it.
func (c columns) find(name string) (int, error) {
	if name == emailColumn {
		return c.email, nil
	}
	for i, known := range c.names {
		if known == name && name != "" {
			return i, nil
		}
	}
	return 0, fmt.Errorf("unknown name %q: the list has %s", name, strings.Join(c.names, ", "))
}
