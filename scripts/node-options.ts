/**
 * What the chart gives Node to run the operator: memory before processor time. V8 reads no compiled code that was made under
 * other options, so the cache of the image is filled under these.
 */
export const operatorNodeOptions = ['--optimize-for-size', '--max-semi-space-size=4', '--heap-growing-percent=50'];
