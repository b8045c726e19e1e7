// Package judge says what programs would refuse of settings that an inventory
// hands to them as they are: fields of a configuration, by its Go type, and
// flags, by lists that the real programs gave. It is pure.
package judge
