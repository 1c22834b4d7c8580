// Package series turns the state and the events of a Sender or a Pacer into numbers for
// systems that collect metrics. It bounds the number of series: a label has the names
// with the most mail, and "other" for the rest.
package series
