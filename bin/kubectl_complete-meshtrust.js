#!/usr/bin/env node
// The program under the name by which kubectl requests completions of the plugin's command line.
import './meshtrust.js';
