export { biasFactor, biasRefusal, setLayerBias, setLayerWeight } from './setLayerParameters';
