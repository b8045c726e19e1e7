// Package osfacts is the table of operating systems that provision supports:
// what packages, files and services are called there, and whether that was
// tested. It imports only package facts.
package osfacts
