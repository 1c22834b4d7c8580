package classify

import (
	"fmt"
	"strings"
)

// name looks a value up in its type's table of names; every value has a name,
// also one that no constant stands for.
func name(names []string, v uint8) string {
	if int(v) < len(names) {
		return names[v]
	}
	return "invalid"
}

// unmarshal finds the value that a name stands for.
func unmarshal[T ~uint8](v *T, kind string, names []string, text []byte) error {
	for i, name := range names {
		if strings.EqualFold(name, string(text)) {
			*v = T(i)
			return nil
		}
	}
	return fmt.Errorf("classify: %q is no %s; one of %s is", text, kind, strings.Join(names, ", "))
}
