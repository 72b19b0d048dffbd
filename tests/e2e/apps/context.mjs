// The same server from a module: node context.mjs URL.
import './context.js';
