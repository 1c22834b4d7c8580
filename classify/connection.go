package classify

// Connection is what an answer leaves of the connection that it came over. The
// zero value is Keep.
type Connection uint8

// The fates of a connection.
const (
	Keep  Connection = iota // the next command may follow
	Reset                   // RSET first, a transaction is still open
	Quit                    // no more mail on it; QUIT and close
	Drop                    // close at once, without another byte
)

var connectionNames = [...]string{"keep", "reset", "quit", "drop"}

// String returns the fate in lower case.
func (c Connection) String() string { return name(connectionNames[:], uint8(c)) }

// MarshalText returns the same text as String.
func (c Connection) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns, in upper or lower case.
func (c *Connection) UnmarshalText(text []byte) error {
	return unmarshal(c, "fate of a connection", connectionNames[:], text)
}
