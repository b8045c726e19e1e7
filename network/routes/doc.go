// Package routes keeps a host's routes to pods: what they must be, how the
// kernel's table differs, and a resident that holds them there. It imports
// nothing else of ours: the program that runs on hosts consists of little.
package routes
