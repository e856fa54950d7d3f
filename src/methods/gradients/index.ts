export { addGradients, type Gradients } from './addGradients';
