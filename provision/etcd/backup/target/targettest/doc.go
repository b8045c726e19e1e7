// Package targettest is the suite that every kind of target must pass.
package targettest
