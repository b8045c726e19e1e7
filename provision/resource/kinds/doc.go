// Package kinds lists the resource kinds of scope host. The agent imports it;
// a new kind is one folder and one line here.
package kinds
